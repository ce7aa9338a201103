"""What people type to come in, and how lines of text are read wherever they are typed."""

from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class LoginForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class OwnPasswordForm(forms.Form):
    """Another password of one's own. Whether the old one is right is asked where failures are counted."""

    old = forms.CharField(
        label=_("Your password now"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=_("New password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 8 characters: several words that belong together for nobody but you are best."),
    )
    again = forms.CharField(
        label=_("New password once more"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, person: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.person = person

    def clean_new(self) -> str:
        chosen: str = self.cleaned_data["new"]
        password_validation.validate_password(chosen, self.person)
        return chosen

    def clean(self) -> None:
        words = self.cleaned_data
        if "new" in words and "again" in words and words["new"] != words["again"]:
            self.add_error("again", _("This is not the same as above. Type both again."))


class LineField(forms.CharField):
    """A line of text, trimmed where it is typed; what is stored with spaces around it, and is saved as shown, is no change."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(_plain(initial), data)


class LinesField(LineField):
    """Lines of text, each ended as it is stored: browsers end every line with CRLF, so that no save would leave it as it was."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> Any:
        return _plain(super().to_python(value))


def _plain(text: Any) -> Any:
    return text.replace("\r\n", "\n").strip() if isinstance(text, str) else text

"""What people type to come in, and how lines of text are read wherever they are typed."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


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

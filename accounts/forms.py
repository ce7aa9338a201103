"""What people type to come in, and how lines of text are read wherever they are typed."""

from typing import Any, cast

from django import forms
from django.contrib.auth import password_validation
from django.utils.translation import gettext_lazy as _

from accounts import access_keys, roles
from accounts.models import User
from accounts.scoping import RowsField
from stations import validators
from stations.models import Station


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

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
        help_text=_("Only if you have set up a second factor: from your app, or a recovery code."),
    )


def password_now() -> forms.CharField:
    return forms.CharField(
        label=_("Your password now"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class KnownForm(forms.Form):
    """What only its person may do: the password is asked again, and looked at where failures are counted."""

    old = password_now()


class AppForm(KnownForm):
    """The first code of an app."""

    code = forms.CharField(
        label=_("Code that the app shows"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    field_order = ("code", "old")


class KeyForm(KnownForm):
    """A new API key: of what the person has, no more can be chosen."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        validators=[validators.plain_line],
        help_text=_("What calls with it, such as “Web shop”."),
    )
    stations = RowsField(label=_("Stations"), queryset=Station.objects.none(), widget=forms.CheckboxSelectMultiple)
    rights = forms.MultipleChoiceField(label=_("Rights"), widget=forms.CheckboxSelectMultiple, initial=[roles.VIEW])
    expires_on = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        help_text=_("Empty: no end."),
    )

    def __init__(self, *args: Any, person: User, **options: Any) -> None:
        super().__init__(*args, **options)
        held = [(right, roles.RIGHTS[right]) for right in access_keys.OFFERED if person.has_perm(right)]
        cast("forms.MultipleChoiceField", self.fields["rights"]).choices = held
        cast("RowsField", self.fields["stations"]).queryset = Station.objects.visible_to(person)


class ForgottenForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class NewPasswordForm(forms.Form):
    """A password that somebody chooses for themselves."""

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


class OwnPasswordForm(NewPasswordForm, KnownForm):
    """Another one, for whoever knows the old one."""

    field_order = ("old", "new", "again")


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

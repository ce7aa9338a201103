"""What people type to come in, and how lines of text are read wherever they are typed."""

from datetime import date
from typing import Any, ClassVar, Final, cast

from django import forms
from django.contrib.auth import password_validation
from django.utils.translation import gettext_lazy as _

from accounts import roles
from accounts.admin.base import MultipleObjectsField
from accounts.auth import api_keys
from accounts.auth.passwords import MAX_LENGTH
from accounts.customers.normalization import clean_email
from accounts.models import User
from core import validators
from core.errors import Invalid
from core.web.redisplay import RedisplayMixin
from stations.models import Station

PASSWORD_FIELDS: Final = frozenset({"password", "old", "new", "again"})
"""The names of all fields that take a password: no page carries their values on."""


class PastedEmailField(forms.EmailField):
    """An address, freed of invisible marks before it is checked: it is often pasted."""

    def to_python(self, value: Any) -> str:
        return clean_email(super().to_python(value) or "")


class LoginForm(forms.Form):
    email = PastedEmailField(
        label=_("Email"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
        help_text=_("Only if you use two-factor authentication: the code from your app, or a recovery code."),
    )


class ConfirmForm(forms.Form):
    """A form for a sensitive act. Asks for the password, unless it was given recently; views check it, and count failures."""

    code_field: ClassVar[str] = ""
    """The field that takes a current code of two-factor authentication; "" for none."""

    old = forms.CharField(
        label=_("Current password"),
        max_length=MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, recent: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        # One that was typed all the same is looked at: a wrong password is never taken for a right one.
        if recent and self.add_prefix("old") not in self.data:
            del self.fields["old"]

    @property
    def given_password(self) -> str | None:
        """None where it was not asked for."""
        return self.cleaned_data.get("old")

    @property
    def given_code(self) -> str | None:
        """None where none was asked for."""
        return self.cleaned_data.get(self.code_field)


class PasswordForm(ConfirmForm):
    """The password alone."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["old"].widget.attrs["autofocus"] = True


def _current_code() -> forms.CharField:
    return forms.CharField(
        label=_("Code from your current app, or a recovery code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )


class FactorForm(ConfirmForm):
    """Changes two-factor authentication, which takes a current code."""

    code_field = "code"
    code = _current_code()
    field_order = ("code", "old")


class AppForm(ConfirmForm):
    """The first code of an app, and a code of the one that it replaces."""

    code_field = "current_code"

    code = forms.CharField(
        label=_("Code from the app"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    current_code = _current_code()
    field_order = ("code", "current_code", "old")

    def __init__(self, *args: Any, replaces: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if not replaces:
            del self.fields["current_code"]


class KeyForm(RedisplayMixin, ConfirmForm):
    """A new API key: of what the person has, no more can be chosen."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        validators=[validators.plain_line],
        help_text=_("What uses the key, such as “Web shop”."),
    )
    stations = MultipleObjectsField(
        label=_("Stations"), queryset=Station.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    rights = forms.MultipleChoiceField(
        label=_("Permissions"), widget=forms.CheckboxSelectMultiple, initial=[roles.VIEW]
    )
    expires_on = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        help_text=_("Leave empty for no end date."),
    )

    def __init__(self, *args: Any, person: User, **options: Any) -> None:
        super().__init__(*args, **options)
        held = [(right, roles.RIGHTS[right]) for right in api_keys.GRANTABLE_RIGHTS if person.has_perm(right)]
        cast("forms.MultipleChoiceField", self.fields["rights"]).choices = held
        cast("MultipleObjectsField", self.fields["stations"]).queryset = Station.objects.visible_to(person)
        self.fields["expires_on"].widget.attrs["min"] = api_keys.today().isoformat()

    def clean_expires_on(self) -> date | None:
        chosen: date | None = self.cleaned_data["expires_on"]
        try:
            api_keys.require_not_past(chosen)
        except Invalid as refusal:
            raise forms.ValidationError(list(map(str, refusal.fields["expires_on"]))) from None
        return chosen


class ForgottenForm(forms.Form):
    email = PastedEmailField(
        label=_("Email"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class NewPasswordForm(forms.Form):
    """A password that somebody chooses for themselves."""

    new = forms.CharField(
        label=_("New password"),
        max_length=MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. Several words that have nothing to do with each other are best."),
    )
    again = forms.CharField(
        label=_("Repeat new password"),
        max_length=MAX_LENGTH,
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
            self.add_error("again", _("The passwords do not match. Enter both again."))


class OwnPasswordForm(NewPasswordForm, ConfirmForm):
    """Another password for one's own account."""

    field_order = ("old", "new", "again")


class OwnEmailForm(RedisplayMixin, ConfirmForm):
    """Another email for one's own account."""

    email = PastedEmailField(
        label=_("New email"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    field_order = ("email", "old")


class LineField(forms.CharField):
    """A line of text, trimmed where it is typed; what is stored with spaces around it, and is saved as shown, is no change."""

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "dir": "auto"}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(_plain(initial), data)


class KeptEmailField(LineField):
    """A customer's address as it is on file: one that an import kept as written may stay, and any other the service refuses."""

    def to_python(self, value: Any) -> str:
        return clean_email(super().to_python(value) or "")


class LinesField(LineField):
    """Lines of text, each ended as it is stored: browsers end every line with CRLF, so that no save would leave it as it was."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> Any:
        return _plain(super().to_python(value))


def _plain(text: Any) -> Any:
    return text.replace("\r\n", "\n").strip() if isinstance(text, str) else text


class OwnNameForm(RedisplayMixin, forms.Form):
    """One's own name, as colleagues see it."""

    name = LineField(
        label=_("Name"),
        max_length=150,
        required=False,
        validators=[validators.plain_line],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

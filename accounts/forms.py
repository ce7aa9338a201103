"""Forms for signing in and for one's own account, and form fields for text that is used elsewhere, too."""

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
from core.limits import MAX_EMAIL
from core.web.redisplay import RedisplayMixin
from stations.models import Station

PASSWORD_FIELDS: Final = frozenset({"password", "old", "new", "again"})
"""The names of all password fields. Pages never keep their values in hidden fields."""


class PastedEmailField(forms.EmailField):
    """An email field that removes invisible characters, which pasted text often contains."""

    def to_python(self, value: Any) -> str:
        return clean_email(super().to_python(value) or "")


class LoginForm(forms.Form):
    email = PastedEmailField(
        label=_("Email"),
        max_length=MAX_EMAIL,
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
    """A form for a sensitive action. Asks for the password unless it was entered recently; views check it and count failures."""

    code_field: ClassVar[str] = ""
    """The field for a current two-factor code; "" for none."""

    old = forms.CharField(
        label=_("Current password"),
        max_length=MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, recent: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        # A password that was submitted anyway is checked: a wrong one is never accepted.
        if recent and self.add_prefix("old") not in self.data:
            del self.fields["old"]

    @property
    def given_password(self) -> str | None:
        """The password; None if it was not asked for."""
        return self.cleaned_data.get("old")

    @property
    def given_code(self) -> str | None:
        """The two-factor code; None if it was not asked for."""
        return self.cleaned_data.get(self.code_field)


class PasswordForm(ConfirmForm):
    """Asks for the password only."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["old"].widget.attrs["autofocus"] = True


def _current_code() -> forms.CharField:
    return forms.CharField(
        label=_("Code from your current app, or a recovery code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )


class TwoFactorForm(ConfirmForm):
    """A change of two-factor authentication, which requires a current code."""

    code_field = "code"
    code = _current_code()
    field_order = ("code", "old")


class AuthenticatorForm(ConfirmForm):
    """The first code of an authenticator app and, if it replaces another one, a code of that."""

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


class ApiKeyForm(RedisplayMixin, ConfirmForm):
    """A new API key. The choices are limited to the stations and permissions that the user has."""

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
        permissions = [(right, roles.RIGHTS[right]) for right in api_keys.GRANTABLE_RIGHTS if person.has_perm(right)]
        cast("forms.MultipleChoiceField", self.fields["rights"]).choices = permissions
        cast("MultipleObjectsField", self.fields["stations"]).queryset = Station.objects.visible_to(person)
        self.fields["expires_on"].widget.attrs["min"] = api_keys.today().isoformat()

    def clean_expires_on(self) -> date | None:
        chosen: date | None = self.cleaned_data["expires_on"]
        try:
            api_keys.require_not_past(chosen)
        except Invalid as refusal:
            raise forms.ValidationError(list(map(str, refusal.fields["expires_on"]))) from None
        return chosen


class RequestResetForm(forms.Form):
    email = PastedEmailField(
        label=_("Email"),
        max_length=MAX_EMAIL,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class NewPasswordForm(forms.Form):
    """A new password."""

    new = forms.CharField(
        label=_("New password"),
        max_length=MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. Several unrelated words work best."),
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
        data = self.cleaned_data
        if "new" in data and "again" in data and data["new"] != data["again"]:
            self.add_error("again", _("The passwords do not match. Enter both again."))


class ChangePasswordForm(NewPasswordForm, ConfirmForm):
    """Changes the password of one's own account."""

    field_order = ("old", "new", "again")


class ChangeEmailForm(RedisplayMixin, ConfirmForm):
    """Changes the email of one's own account."""

    email = PastedEmailField(
        label=_("New email"), max_length=MAX_EMAIL, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    field_order = ("email", "old")


class LineField(forms.CharField):
    """A line of text. Spaces around it are ignored, also when it is compared with a stored value."""

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "dir": "auto"}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(_plain(initial), data)


class StoredEmailField(LineField):
    """A customer's email. Not validated here, because an invalid one from an import may stay; the service refuses others."""

    def to_python(self, value: Any) -> str:
        return clean_email(super().to_python(value) or "")


class LinesField(LineField):
    """Several lines of text, with the stored line endings. Browsers submit CRLF, which would make every save a change."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> Any:
        return _plain(super().to_python(value))


def _plain(text: Any) -> Any:
    return text.replace("\r\n", "\n").strip() if isinstance(text, str) else text


class ChangeNameForm(RedisplayMixin, forms.Form):
    """Changes one's own name, as colleagues see it."""

    name = LineField(
        label=_("Name"),
        max_length=150,
        required=False,
        validators=[validators.plain_line],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

"""Forms for customers and their contact. They only parse and validate types; the services check the rules."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.customers import Contact
from accounts.forms import LinesField, PastedEmailField, StoredEmailField
from accounts.models import Customer
from core.limits import MAX_EMAIL, MAX_NAME, MAX_NOTES, MAX_PHONE
from core.web.redisplay import RedisplayMixin


class ContactForm(forms.Form):
    """The customer of a booking; empty for a walk-in."""

    name = forms.CharField(
        label=_("Name"), required=False, max_length=MAX_NAME, widget=forms.TextInput(attrs={"dir": "auto"})
    )
    email = PastedEmailField(label=_("Email"), required=False, max_length=MAX_EMAIL)
    phone = forms.CharField(label=_("Phone"), required=False, max_length=MAX_PHONE)

    def contact(self) -> Contact | None:
        contact = Contact(*(self.cleaned_data[name] for name in ("name", "email", "phone")))
        return contact if contact.given else None


class KnownContactForm(forms.Form):
    """Another email or phone of a known customer, and whether to save it for them."""

    new_email = PastedEmailField(label=_("New email"), required=False, max_length=MAX_EMAIL)
    new_phone = forms.CharField(label=_("New phone"), required=False, max_length=MAX_PHONE)
    save_contact = forms.BooleanField(label=_("Save for the customer"), required=False)

    service_names: ClassVar = {"email": "new_email", "phone": "new_phone"}
    """Names of the form's fields by the service's names."""

    def new_contact(self, customer: Customer) -> Contact | None:
        contact = Contact(customer.name, self.cleaned_data["new_email"], self.cleaned_data["new_phone"])
        return contact if contact.email or contact.phone else None


class CustomerForm(RedisplayMixin, forms.Form):
    """Name, contact, language and notes of a customer, and the version that was seen."""

    name = forms.CharField(label=_("Name"), max_length=MAX_NAME, widget=forms.TextInput(attrs={"dir": "auto"}))
    email = StoredEmailField(label=_("Email"), required=False, max_length=MAX_EMAIL)
    phone = forms.CharField(label=_("Phone"), required=False, max_length=MAX_PHONE)
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("The station's language")), *settings.LANGUAGES]
    )
    notes = LinesField(label=_("Notes"), required=False, max_length=MAX_NOTES, widget=forms.Textarea(attrs={"rows": 4}))
    version = forms.IntegerField(min_value=1, max_value=10**9, widget=forms.HiddenInput)

    def __init__(self, *args: Any, customer: Customer, **options: Any) -> None:
        initial = {name: getattr(customer, name) for name in self.base_fields}
        super().__init__(*args, **{"initial": initial, **options})

    def changes(self) -> dict[str, Any]:
        return {
            name: value for name, value in self.cleaned_data.items() if name in self.changed_data and name != "version"
        }

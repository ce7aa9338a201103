"""Serializers of query parameters that several endpoints share."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from core.api.fields import DateField
from core.api.serializers import StrictSerializer


class DaysQuery(StrictSerializer):
    """A range of days, both ends included, of at most `longest`."""

    longest = 42
    """The largest number of days."""

    date_from = DateField()
    date_to = DateField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= (attrs["date_to"] - attrs["date_from"]).days + 1 <= self.longest:
            sentence = _("The range is 1 to %(days)d days, both ends included.") % {"days": self.longest}
            raise serializers.ValidationError({"date_to": [sentence]}, code="invalid_range")
        return attrs

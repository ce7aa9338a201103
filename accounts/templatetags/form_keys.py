"""`{% form_key %}`, the hidden field of every form that must not be done twice."""

from typing import Any

from django import template
from django.contrib.auth.models import AnonymousUser
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.web import form_keys

register = template.Library()


@register.simple_tag(takes_context=True)
def form_key(context: Any, *, for_anybody: bool = False) -> SafeString:
    """A new one-time key, for the person to whom the page is shown; `for_anybody` where the form signs somebody in."""
    key = form_keys.make(AnonymousUser() if for_anybody else context["request"].user)
    return format_html('<input type="hidden" name="{}" value="{}">', form_keys.FIELD, key)

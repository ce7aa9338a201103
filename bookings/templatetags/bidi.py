"""Names inside the sentences of templates."""

from django import template

from core.bidi import isolate

register = template.Library()
register.filter("isolate", isolate)

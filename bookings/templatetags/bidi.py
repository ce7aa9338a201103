"""Isolates names in sentences, whose writing direction may differ."""

from django import template

from core.bidi import isolate

register = template.Library()
register.filter("isolate", isolate)

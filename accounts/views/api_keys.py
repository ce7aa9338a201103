"""The page on which users manage their own API keys."""

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import roles
from accounts.auth import api_keys, reauthentication
from accounts.forms import ApiKeyForm
from accounts.models import ApiKey
from accounts.views.base import OwnRequest, Refusal, draw, own, refused
from accounts.views.post_only import does, post_only
from core.errors import NotFound
from core.web import notices
from core.web.error_pages import answer
from core.web.final_answers import final
from core.web.redisplay import redisplays
from stations.models import Station


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@own
@redisplays
def index(request: OwnRequest) -> HttpResponse:
    """The user's keys, and the form that creates one. The secret of a new key is shown in the response only."""
    if not request.user.has_perm(roles.API):
        return answer(request, 403)
    form = _form(request, request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return _page(request, form)
    if refusal := refused(request, form):
        return _page(request, form, refusal=refusal)
    cleaned_data = form.cleaned_data
    _key, secret = api_keys.create(
        name=cleaned_data["name"],
        stations=cleaned_data["stations"],
        rights=cleaned_data["rights"],
        expires_on=cleaned_data["expires_on"],
        by=request.user,
    )
    return final(_page(request, _form(request), secret=secret))


@post_only
@own
@does(gettext_lazy("Revoke"))
def revoke(request: OwnRequest, key_id: int) -> HttpResponse:
    try:
        api_keys.revoke(key_id, by=request.user)
    except NotFound:
        raise Http404 from None
    notices.keep(request, _("Revoked. Calls with this key are now refused."))
    return redirect("api-keys")


def _form(request: OwnRequest, data: QueryDict | None = None) -> ApiKeyForm:
    return ApiKeyForm(data, person=request.user, recent=reauthentication.is_recent(request.session))


def _page(request: OwnRequest, form: ApiKeyForm, *, secret: str = "", refusal: Refusal | None = None) -> HttpResponse:
    visible = set(Station.objects.visible_to(request.user))
    own_keys = ApiKey.objects.visible_to(request.user).prefetch_related("stations")
    keys = [
        {
            "key": key,
            "stations": [station for station in key.stations.all() if station in visible],
            "rights": [roles.RIGHTS[right] for right in key.rights if right in roles.RIGHTS],
        }
        for key in own_keys
    ]
    shown = {
        "form": form,
        "keys": keys,
        "secret": secret,
        "notice": notices.taken_notice(request),
    }
    return draw(request, "accounts/api_keys.html", shown, refusal)

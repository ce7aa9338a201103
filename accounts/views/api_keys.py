"""The page on which users manage their own API keys."""

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import roles
from accounts.auth import api_keys, reauthentication
from accounts.forms import ApiKeyForm
from accounts.models import ApiKey
from accounts.views.base import Refusal, SignedInRequest, check_confirmation, render_page, signed_in_page
from accounts.views.post_only import does, post_only
from core.web import notices
from core.web.error_pages import answer
from core.web.final_answers import final
from core.web.redisplay import redisplays
from stations.models import Station


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@signed_in_page
@redisplays
def index(request: SignedInRequest) -> HttpResponse:
    """The user's keys, and the form that creates one. The secret of a new key is shown in the response only."""
    if not request.user.has_perm(roles.API):
        return answer(request, 403)
    form = _form(request, request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return _page(request, form)
    if refusal := check_confirmation(request, form):
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
@signed_in_page
@does(gettext_lazy("Revoke"))
def revoke(request: SignedInRequest, key_id: int) -> HttpResponse:
    api_keys.revoke(key_id, by=request.user)
    notices.keep(request, _("Revoked. Calls with this key are now refused."))
    return redirect("api-keys")


def _form(request: SignedInRequest, data: QueryDict | None = None) -> ApiKeyForm:
    return ApiKeyForm(data, person=request.user, recent=reauthentication.is_recent(request.session))


def _page(
    request: SignedInRequest, form: ApiKeyForm, *, secret: str = "", refusal: Refusal | None = None
) -> HttpResponse:
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
    return render_page(request, "accounts/api_keys.html", shown, refusal)

"""For load balancers and the curious: does this site work?"""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotator import health


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as pages can be served, else 503. A silent worker is reported, not punished."""
    found = health.report()
    return JsonResponse(found, status=200 if found["database"] else 503)

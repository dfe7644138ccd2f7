"""What the server's log holds of requests that went wrong."""

import io
import logging

import pytest
from django.urls import reverse

from tests.factories import make_member, make_project


@pytest.fixture
def console():
    """What the console shows, by the settings of the site."""
    handler = next(one for one in logging.getLogger().handlers if one.get_name() == "console")
    assert isinstance(handler, logging.StreamHandler)
    shown, before = io.StringIO(), handler.stream
    handler.setStream(shown)
    yield shown
    handler.setStream(before)


@pytest.mark.django_db
def test_a_page_that_is_refused_is_one_line_of_the_log(client, console):
    project = make_project()
    client.force_login(make_member(project).user)
    address = reverse("model-feedback", args=[project.pk])
    assert client.get(address).status_code == 403
    assert f"Forbidden (Permission denied): {address}\n" in console.getvalue()
    assert "Traceback" not in console.getvalue()


def test_a_fault_keeps_its_traceback(console):
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logging.getLogger("django.request").exception("broken")
    assert "Traceback" in console.getvalue()

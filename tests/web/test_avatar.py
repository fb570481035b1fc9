"""The badge's code for an address, on the page of the avatar maker."""

from django.test import Client


def test_the_code_shows_the_badge_of_that_address(client: Client) -> None:
    page = client.get("/avatar", {"url": 'example.org/a.jpg?x=1&y="><b>'}).content.decode()
    assert (
        "badge/url.svg?url=https%3A%2F%2Fexample.org%2Fa.jpg%3Fx%3D1%26y%3D%22%3E%3Cb%3E&amp;lang=en" in page
    )
    assert "<b>" not in page


def test_what_is_no_address_is_refused_with_the_reason(client: Client) -> None:
    answered = client.get("/avatar", {"url": "ftp://example.org/"})
    assert answered.status_code == 422
    assert "Only addresses that begin with http" in answered.content.decode()

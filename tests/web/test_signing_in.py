"""People sign up and sign in with a code that comes by mail, and with nothing else."""

import re

import pytest
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db

CODE = re.compile(r"^ {4}(\S+)$", re.MULTILINE)


def code_in(mail: EmailMessage) -> str:
    found = CODE.search(str(mail.body))
    assert found
    return found[1]


def test_signing_up_takes_an_address_and_the_code_that_was_sent_to_it(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sent = client.post("/accounts/signup/", {"email": "new@example.com"}, follow=True)
    assert sent.redirect_chain[-1][0] == "/accounts/confirm-email/"
    (mail,) = mailoutbox
    assert mail.subject == "Confirm your email address for Holdout"
    assert mail.to == ["new@example.com"]
    done = client.post("/accounts/confirm-email/", {"code": code_in(mail)}, follow=True)
    assert done.redirect_chain[-1][0] == "/overview/"
    assert "Say it once for all that stands at your profile or site" in done.content.decode()
    assert not User.objects.get().has_usable_password()


def test_signing_in_takes_the_code_that_was_sent(
    client: Client, ann: User, mailoutbox: list[EmailMessage]
) -> None:
    client.post("/accounts/login/code/?next=/works/new", {"email": "ANN@example.com"})
    (mail,) = mailoutbox
    assert mail.subject == "Your code to sign in to Holdout"
    done = client.post("/accounts/login/code/confirm/", {"code": code_in(mail).lower(), "next": "/works/new"})
    assert (done.status_code, done.headers["Location"]) == (302, "/works/new")
    assert client.get("/works/").status_code == 200


def test_the_next_page_survives_the_whole_way(
    client: Client, ann: User, mailoutbox: list[EmailMessage]
) -> None:
    asked = client.get("/works/new", follow=True)
    assert asked.redirect_chain[-1][0] == "/accounts/login/code/?next=/works/new"
    assert '<input type="hidden" name="next" value="/works/new"' in asked.content.decode()
    entered = client.post(
        "/accounts/login/code/", {"email": ann.email, "next": "/works/new"}, follow=True
    ).content.decode()
    assert '<input type="hidden" name="next" value="/works/new"' in entered


def test_a_wrong_code_signs_nobody_in(client: Client, ann: User, mailoutbox: list[EmailMessage]) -> None:
    client.post("/accounts/login/code/", {"email": ann.email})
    for _ in range(3):
        refused = client.post("/accounts/login/code/confirm/", {"code": "BBBB-BBBB"})
    assert refused.headers["Location"] == "/accounts/login/code/"
    late = client.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[0])})
    assert late.headers["Location"] == "/accounts/login/code/"
    assert client.get("/works/").status_code == 302


def test_another_code_can_be_sent(client: Client, ann: User, mailoutbox: list[EmailMessage]) -> None:
    client.post("/accounts/login/code/", {"email": ann.email})
    client.post("/accounts/login/code/confirm/", {"action": "resend"})
    first, second = map(code_in, mailoutbox)
    assert first != second
    assert client.post("/accounts/login/code/confirm/", {"code": second}).headers["Location"] == "/overview/"


def test_the_answer_does_not_tell_who_has_an_account(
    client: Client, ann: User, mailoutbox: list[EmailMessage]
) -> None:
    known = client.post("/accounts/login/code/", {"email": ann.email}, follow=True)
    unknown = Client().post("/accounts/login/code/", {"email": "nobody@example.com"}, follow=True)
    assert known.redirect_chain == unknown.redirect_chain
    assert mailoutbox[1].subject == "There is no Holdout account with this address"
    assert "http://testserver/accounts/signup/" in str(mailoutbox[1].body)
    taken = Client().post("/accounts/signup/", {"email": ann.email}, follow=True)
    assert taken.redirect_chain[-1][0] == "/accounts/confirm-email/"
    assert mailoutbox[2].subject == "You already have a Holdout account"
    assert "http://testserver/accounts/login/\n" in str(mailoutbox[2].body)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "You already have an account"), ("zh-CN", "您已有使用此邮箱的账号")]
)
def test_who_signs_up_twice_in_a_row_is_shown_the_way_in_and_no_password(
    client: Client, mailoutbox: list[EmailMessage], language: str, words: str
) -> None:
    heard = {"Accept-Language": language}
    client.post("/accounts/signup/", {"email": "new@example.com"}, headers=heard)
    cache.clear()  # three minutes later: before that the second mail is held back
    again = Client()
    again.post("/accounts/signup/", {"email": "new@example.com"}, headers=heard)
    text = str(mailoutbox[-1].body)
    assert words in text
    assert not re.search("password|密码", text, re.IGNORECASE)
    (way_in,) = re.findall(r"^http://testserver(/.*)$", text, re.MULTILINE)
    cache.clear()
    form = again.get(way_in, follow=True)
    assert form.redirect_chain == [("/accounts/login/code/", 302)]
    assert 'name="email"' in form.content.decode()
    again.post("/accounts/login/code/", {"email": "new@example.com"})
    done = again.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
    assert done.headers["Location"] == "/overview/"
    assert again.get("/works/").status_code == 200


def test_the_mail_is_written_in_the_language_of_the_page(
    client: Client, ann: User, mailoutbox: list[EmailMessage]
) -> None:
    client.post("/accounts/login/code/", {"email": ann.email}, headers={"Accept-Language": "zh-CN"})
    assert mailoutbox[0].subject == "您的 Holdout 登录验证码"
    assert "请在您申请验证码的浏览器窗口中输入" in str(mailoutbox[0].body)


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/reset/"])
def test_what_asks_for_a_password_elsewhere_leads_to_the_code(client: Client, path: str) -> None:
    answer = client.get(path + "?next=/works/new")
    assert answer.headers["Location"] == "/accounts/login/code/?next=/works/new"


@pytest.mark.parametrize(
    "path",
    ["password/change/", "password/set/", "password/reset/done/", "reauthenticate/", "signup/passkey/"],
)
def test_there_are_no_password_pages(browser: Client, path: str) -> None:
    assert browser.get(f"/accounts/{path}").status_code == 404


def test_signing_out_takes_a_post(browser: Client) -> None:
    assert "Sign out?" in browser.get("/accounts/logout/").content.decode()
    assert browser.get("/works/").status_code == 200
    assert browser.post("/accounts/logout/").headers["Location"] == "/"
    assert browser.get("/works/").status_code == 302


def test_a_second_address_is_confirmed_by_its_own_code(
    browser: Client, ann: User, mailoutbox: list[EmailMessage]
) -> None:
    added = browser.post("/accounts/email/", {"email": "two@example.com", "action_add": ""})
    assert added.headers["Location"] == "/accounts/confirm-email/"
    browser.post("/accounts/confirm-email/", {"code": code_in(mailoutbox[0])})
    page = browser.get("/accounts/email/").content.decode()
    assert page.count("Confirmed") == 2

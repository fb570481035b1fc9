"""Pages and badges. Of allauth's pages only those that a service without passwords needs."""

from allauth.account import views as account
from django.urls import path
from django.views.i18n import set_language

from web.views import badges, home, numbers, places, second_factor, sign_in, signals, works

urlpatterns = [
    path("", home.home, name="home"),
    path("check", home.check, name="check"),
    path("doctor", signals.doctor, name="doctor"),
    path("kit", signals.kit, name="kit"),
    path("kit/marked", signals.marked, name="kit_marked"),
    path("r/<str:typed>", numbers.number, name="number"),
    path("works/", works.works, name="works"),
    path("works/new", works.new_work, name="new_work"),
    path("works/<str:work_id>/", works.work, name="work"),
    path("works/<str:work_id>/withdraw", works.withdrawal, name="withdrawal"),
    path("works/<str:work_id>/receipt.json", works.receipt, name="receipt"),
    path("works/<str:work_id>/receipts/<str:record_id>.json", works.receipt, name="record_receipt"),
    path("places/", places.places, name="places"),
    path("places/new", places.new_place, name="new_place"),
    path("places/<str:place_id>/", places.place, name="place"),
    path("places/<str:place_id>/proof", places.proof, name="place_proof"),
    path("places/<str:place_id>/withdraw", places.withdrawal, name="place_withdrawal"),
    path("places/<str:place_id>/remove", places.removal, name="place_removal"),
    path("p/<str:code>", places.mark, name="mark"),
    path("badge/url.svg", badges.url_badge, name="badge_url"),
    path("badge/<str:work_id>.svg", badges.work_badge, name="badge_work"),
    path("language", set_language, name="set_language"),
    path("accounts/signup/", account.signup, name="account_signup"),
    path("accounts/login/code/", account.request_login_code, name="account_request_login_code"),
    path("accounts/login/code/confirm/", account.confirm_login_code, name="account_confirm_login_code"),
    path("accounts/confirm-email/", account.email_verification_sent, name="account_email_verification_sent"),
    path("accounts/email/", account.email, name="account_email"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/2fa/", second_factor.index, name="mfa_index"),
    path("accounts/2fa/authenticate/", second_factor.authenticate, name="mfa_authenticate"),
    path("accounts/2fa/confirm/", second_factor.confirm, name="mfa_reauthenticate"),
    path("accounts/2fa/app/activate/", second_factor.activate, name="mfa_activate_totp"),
    path("accounts/2fa/app/deactivate/", second_factor.deactivate, name="mfa_deactivate_totp"),
    path("accounts/2fa/codes/", second_factor.view_codes, name="mfa_view_recovery_codes"),
    path("accounts/2fa/codes/new/", second_factor.generate_codes, name="mfa_generate_recovery_codes"),
    path("accounts/2fa/passkeys/", second_factor.passkeys, name="mfa_list_webauthn"),
    path("accounts/2fa/passkeys/add/", second_factor.add_passkey, name="mfa_add_webauthn"),
    path("accounts/2fa/passkeys/<int:pk>/rename/", second_factor.rename_passkey, name="mfa_edit_webauthn"),
    path("accounts/2fa/passkeys/<int:pk>/remove/", second_factor.remove_passkey, name="mfa_remove_webauthn"),
    path(
        "accounts/2fa/passkeys/confirm/",
        second_factor.confirm_by_passkey,
        name="mfa_reauthenticate_webauthn",
    ),
    path("accounts/login/passkey/", second_factor.sign_in_by_passkey, name="mfa_login_webauthn"),
    # allauth sends people to these two by name; there are no passwords, so both lead to the code.
    path("accounts/login/", sign_in.start_over, name="account_login"),
    path("accounts/password/reset/", sign_in.start_over, name="account_reset_password"),
]

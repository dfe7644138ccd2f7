"""All addresses of the site."""

from allauth.account import views as account
from django.urls import include, path, re_path

from annotator.views import doors, errors, health, keys, language, me, people, reading

# Of allauth's pages only those that somebody needs: who is here came by invitation.
account_urls = [
    path("sign-in/", account.login, name="account_login"),
    path("sign-out/", account.logout, name="account_logout"),
    path("sign-up/", account.signup, name="account_signup"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("password/change/", account.password_change, name="account_change_password"),
    path("password/set/", account.password_set, name="account_set_password"),
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/sent/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("link/<str:token>/", doors.sign_in_link, name="sign-in-link"),
    path("invitation/<str:token>/", doors.invitation, name="invitation"),
    path("me/", me.me, name="me"),
    path("me/keys/", keys.keys, name="my-keys"),
    path("theme/", me.theme, name="theme"),
    path("me/reading/", reading.keep, name="reading"),
    path("language/", language.language, name="language"),
    path("account/", include(account_urls)),
    path("projects/<num:project_id>/people/", people.index, name="people"),
    path("projects/<num:project_id>/people/invite/", people.invite, name="people-invite"),
    path("projects/<num:project_id>/people/<num:membership_id>/role/", people.role, name="member-role"),
    path("projects/<num:project_id>/people/<num:membership_id>/access/", people.leave, name="member-leave"),
    path(
        "projects/<num:project_id>/people/invitations/<num:invitation_id>/withdraw/",
        people.withdraw,
        name="invitation-withdraw",
    ),
    path("", include("projects.urls")),
    path("", include("sampling.urls")),
]

handler400 = errors.bad_request
handler500 = errors.server_error

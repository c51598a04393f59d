"""Where allauth asks what it may do: nobody signs up, except through an invitation that is open in their browser."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.contrib.auth.models import User
from django.http import HttpRequest

from accounts.invitations import join, standing_invitation

INVITED = "invitation"  # session key of the invitation with which somebody goes to the provider


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The archive's own provider says who somebody is; an invitation says that they may come in."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return standing_invitation(request.session.get(INVITED, "")) is not None

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        key = request.session.pop(INVITED)
        user: User = super().save_user(request, sociallogin, form)
        join(key=key, user=user)
        return user

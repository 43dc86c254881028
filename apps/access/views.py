from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from apps.access import demo, queries, services
from apps.access.forms import ManagerForm, PreferencesForm, RoleForm
from apps.access.guards import PersonRequest, needs
from apps.access.matrix import ROLES
from apps.access.models import User
from apps.common.errors import Invalid
from apps.common.middleware import told

MANAGER_IDS = "manager_%s"


def address_of(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


class SignIn(auth_views.LoginView):
    template_name = "registration/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wait = services.sign_in_wait(
            username=request.POST.get("username", ""), address=address_of(request)
        )
        if wait:
            form = self.get_form()
            form.add_error(None, f"Too many tries. Try again in {math.ceil(wait)} seconds.")
            return self.render_to_response(self.get_context_data(form=form), status=429)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if isinstance(user, User):
            services.note_sign_in(user=user, address=address_of(self.request))
        return super().form_valid(form)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        services.note_failed_sign_in(
            username=self.request.POST.get("username", ""), address=address_of(self.request)
        )
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if settings.DEMO:
            context["demo_people"] = [
                (person, ", ".join(ROLES[role] for role in person.roles))
                for person in demo.people()
            ]
            context["demo_password"] = demo.PASSWORD
        return context


def preferences(request: PersonRequest) -> HttpResponse:
    form = PreferencesForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        services.save_preferences(user=request.user, **form.cleaned_data)
        return told(request, "Preferences saved.", "access:preferences")
    status = 422 if form.errors else 200
    return render(request, "access/preferences.html", {"form": form}, status=status)


def people_page(
    request: HttpRequest, role: RoleForm | None = None, manager: ManagerForm | None = None
) -> HttpResponse:
    context = {
        "people": queries.people(),
        "form": role or RoleForm(),
        "manager_form": manager or ManagerForm(auto_id=MANAGER_IDS),
    }
    return render(request, "access/people.html", context, status=422 if role or manager else 200)


@needs("people.manage")
def people(request: HttpRequest) -> HttpResponse:
    return people_page(request)


@needs("people.manage")
@require_POST
def set_manager(request: PersonRequest) -> HttpResponse:
    form = ManagerForm(request.POST, auto_id=MANAGER_IDS)
    if form.is_valid():
        try:
            services.set_manager(actor=request.user, **form.cleaned_data)
        except Invalid as error:
            form.add_error("manager", error.sentence)
        else:
            return told(request, "It is on record who manages them.", "access:people")
    return people_page(request, manager=form)


@needs("people.manage")
@require_POST
def give_role(request: PersonRequest) -> HttpResponse:
    form = RoleForm(request.POST)
    if not form.is_valid():
        return people_page(request, role=form)
    data = form.cleaned_data
    given = services.give_role(
        actor=request.user,
        user=data["user"],
        role=data["role"],
        reason=data["reason"],
        scope=form.scope(),
    )
    return told(request, f"{given}.", "access:people")


@needs("people.manage")
@require_POST
def take_role(request: PersonRequest, pk: int) -> HttpResponse:
    reason = request.POST.get("reason", "")
    services.take_role(actor=request.user, assignment_id=pk, reason=reason)
    return told(request, "The role was taken.", "access:people")

"""The forms for logging in, in the language of the browser: English or Korean."""

from __future__ import annotations

from msgspec import Struct
from starlette.requests import Request


class Words(Struct, frozen=True):
    """Every word of the forms."""

    language: str
    title: str
    user: str
    password: str
    enter: str
    first: str
    token: str
    rule: str
    wrong: str
    wait: str


ENGLISH = Words(
    language="en",
    title="Log in",
    user="User name",
    password="Password",
    enter="Log in",
    first="There is no user yet. With the one-time token that the server printed when it started you make the first, "
    "who is an administrator.",
    token="One-time token",
    rule="12 characters or more",
    wrong="There is no such user, or the password is wrong.",
    wait="Too many wrong passwords. Try again in {seconds} s.",
)
KOREAN = Words(
    language="ko",
    title="로그인",
    user="사용자 이름",
    password="비밀번호",
    enter="로그인",
    first="아직 사용자가 없습니다. 서버가 시작할 때 출력한 일회용 토큰으로 첫 사용자(관리자)를 만드세요.",
    token="일회용 토큰",
    rule="12자 이상",
    wrong="사용자가 없거나 비밀번호가 틀립니다.",
    wait="틀린 비밀번호가 너무 많습니다. {seconds}초 뒤에 다시 시도하세요.",
)


def words_for(request: Request) -> Words:
    """Korean for browsers that ask for it first."""
    return KOREAN if request.headers.get("accept-language", "").strip().lower().startswith("ko") else ENGLISH


_HEAD = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title} · Millstream</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 22rem; margin: 12vh auto; padding: 0 1rem }}
label {{ display: block; margin: .8rem 0 }}
input {{ display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .4rem .5rem }}
button {{ font: inherit; padding: .4rem 1.2rem }}
[role=alert] {{ color: #c62828 }}
</style>
<h1>{title}</h1>
{problem}
<form method="post" action="{action}">
<input type="hidden" name="next" value="{next}">
"""
_NAME = """<label>{user}
<input name="name" value="{name}" autocomplete="username" required autofocus></label>
"""
_END = """<button>{enter}</button>
</form>
</html>
"""

LOGIN_FORM = f"""{_HEAD}{_NAME}<label>{{password}}
<input name="password" type="password" autocomplete="current-password" required></label>
{_END}"""

FIRST_FORM = f"""{_HEAD}<p>{{first}}</p>
<label>{{token}} <input name="token" type="password" autocomplete="off" required></label>
{_NAME}<label>{{password}} ({{rule}})
<input name="password" type="password" autocomplete="new-password" minlength="12" required></label>
{_END}"""

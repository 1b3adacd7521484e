"""New landslides told of by HTTP or mail, each once.

A message is kept in the region's history before it is sent, with the landslides in it. A kill between sending and
noting sends the same message again, under the same name, by which a receiver knows it: the header
``Idempotency-Key``, or the ``Message-ID`` of a mail.
"""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import uuid
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, Final

import pandas as pd
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from landslide_geo.config.regions import MailParams, WebhookParams
from landslide_geo.errors import ParameterError, PublishError
from landslide_geo.inventory.layers import ID_NAMESPACE
from landslide_geo.regions.fields import ACCEPTED
from landslide_geo.regions.history import History
from landslide_geo.regions.inventory import read_running
from landslide_geo.regions.region import Region

#: Answers that may be another one a moment later, and how often it is tried.
_PASSING: Final = (408, 425, 429, 500, 502, 503, 504)
_RETRIES: Final = 4
_BACK_OFF_S: Final = 0.5
#: What a message tells of each landslide.
_TOLD: Final = (
    "landslide_id", "status", "review_status", "area_m2", "confidence", "prob_mean", "n_detections", "first_seen",
    "last_seen", "lon", "lat",
)  # fmt: skip
#: Lines of a mail.
_MOST: Final = 50


def notify(region: Region) -> dict[str, int]:
    """Tell every receiver of a region of landslides that it was not told of; returns how many, by receiver.

    Told of are landslides of at least the receiver's area, once they are confirmed by detections or review; while an
    event is followed at once, and the message calls those provisional.

    Raises:
        PublishError: a receiver could not be reached or refused; the message is kept, and sent with the next run.
        ParameterError: an environment variable that the region's file names is not set.
    """
    sinks, done, failed = region.params.sinks, {}, []
    for name, params in (("webhook", sinks.webhook), ("mail", sinks.mail)):
        if params is not None:
            _put(region, name, params.min_area_m2)
            try:
                done[name] = _send(region, name, params)
            except (PublishError, ParameterError) as error:
                failed.append(f"{name}: {error}")
    if failed:
        raise PublishError("; ".join(failed))
    return done


def to_tell(rows: pd.DataFrame, *, min_area_m2: float, after_detections: int, event: bool) -> pd.DataFrame:
    """Landslides that are told of: large enough, neither rejected nor merged, and known well enough.

    That is by review, by so many detections, or during an event by one. Whether the last scene still showed it does not
    matter.
    """
    known = _known(rows, 1 if event else after_detections)
    stands = ~rows["status"].isin(["rejected", "merged"])
    return rows[known & stands & (rows["area_m2"] >= min_area_m2)]


def _known(rows: pd.DataFrame, detections: int) -> pd.Series:
    return rows["review_status"].isin(ACCEPTED) | (rows["n_detections"].fillna(0) >= detections)


def _put(region: Region, sink: str, min_area_m2: float) -> None:
    """Keep a message of what is new."""
    history = History(region.history)
    rows = to_tell(
        read_running(region.inventory), min_area_m2=min_area_m2, after_detections=region.params.after_detections,
        event=region.params.event is not None,
    ).sort_values("landslide_id")  # fmt: skip
    rows = rows[~rows["landslide_id"].isin(history.told(sink))]
    if rows.empty:
        return
    ids = list(rows["landslide_id"])
    provisional = ~_known(rows, region.params.after_detections)
    message = str(uuid.uuid5(ID_NAMESPACE, f"told|{region.name}|{sink}|{';'.join(ids)}"))
    event = region.params.event
    body = {
        "message": message,
        "region": region.name,
        "event": None if event is None else {"name": event.name, "day": event.day.isoformat()},
        "provisional": int(provisional.sum()),
        "landslides": [
            {name: _plain(row[name]) for name in _TOLD} | {"provisional": bool(open_)}
            for (_, row), open_ in zip(rows.iterrows(), provisional, strict=True)
        ],
    }
    history.put_message(message, sink, body, ids)


def _send(region: Region, sink: str, params: WebhookParams | MailParams) -> int:
    history, count = History(region.history), 0
    for message, body in history.unsent(sink):
        if isinstance(params, WebhookParams):
            _post(params, message, body)
        else:
            _mail(params, message, body)
        history.sent(message, sink=sink, landslides=len(body["landslides"]))
        count += len(body["landslides"])
    return count


def _post(params: WebhookParams, message: str, body: dict[str, Any]) -> None:
    url = params.url or _variable(params.url_env)
    retry = Retry(
        total=_RETRIES, backoff_factor=_BACK_OFF_S, status_forcelist=_PASSING, allowed_methods=None, redirect=0,
        raise_on_status=False, respect_retry_after_header=False,
    )  # fmt: skip
    # An address that is a secret is not shown.
    where = params.url or f"the address in {params.url_env}"
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        try:
            answer = session.post(
                url, json=body, headers={"Idempotency-Key": message}, timeout=params.timeout_s, allow_redirects=False
            )
        except (requests.RequestException, ValueError) as error:
            raise PublishError(
                f"{where} does not answer ({type(error).__name__}); the message is kept and sent with the next run"
            ) from None
    if not answer.ok or answer.is_redirect:
        raise PublishError(
            f"{where} answers HTTP {answer.status_code}; check the address; the message is kept and sent "
            "with the next run"
        )


def _mail(params: MailParams, message: str, body: dict[str, Any]) -> None:
    mail = mail_of(params, message, body)
    context = ssl.create_default_context()
    try:
        if params.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(params.host, params.port, timeout=params.timeout_s, context=context)
        else:
            server = smtplib.SMTP(params.host, params.port, timeout=params.timeout_s)
        with server:
            if params.security == "starttls":
                server.starttls(context=context)
            if params.login_env is not None:
                user, _, password = _variable(params.login_env).partition(":")
                server.login(user, password)
            refused = server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise PublishError(
            f"{params.host}:{params.port} does not take the mail ({told}); it is kept and sent with the next run"
        ) from None
    if refused:
        raise PublishError(
            f"{params.host}:{params.port} does not take mail for {', '.join(refused)}; check sinks.mail.to"
        )


def mail_of(params: MailParams, message: str, body: dict[str, Any]) -> EmailMessage:
    """A message as a mail."""
    found = body["landslides"]
    provisional = body["provisional"]
    mail = EmailMessage()
    mail["Subject"] = (
        f"{body['region']}: {len(found)} new landslide{'' if len(found) == 1 else 's'}"
        + (f", {provisional} provisional" if provisional else "")
    )  # fmt: skip
    mail["From"], mail["To"] = params.sender, ", ".join(params.to)
    mail["Message-ID"] = f"<{message}@{parseaddr(params.sender)[1].partition('@')[2] or 'localhost'}>"
    largest = sorted(found, key=lambda one: -(one["area_m2"] or 0))
    lines = [
        f"{one['area_m2']:,.0f} m² at {one['lat']:.5f}, {one['lon']:.5f}: {one['status']}, first seen "
        f"{one['first_seen']}, {one['n_detections']} detections, {one['landslide_id']}"
        for one in largest[:_MOST]
        if None not in (one["area_m2"], one["lat"], one["lon"])
    ]
    more = [f"and {len(largest) - _MOST} smaller ones"] if len(largest) > _MOST else []
    event = body["event"]
    head = [] if event is None else [f"After {event['name']} on {event['day']}."]
    mail.set_content("\n".join([*head, *lines, *more]) + "\n")
    return mail


def _variable(name: str | None) -> str:
    value = os.environ.get(name or "")
    if not value:
        raise ParameterError(f"the environment variable {name} is not set; set it where the region is run")
    return value


def _plain(value: Any) -> Any:
    """A field as JSON takes it."""
    if pd.isna(value):
        return None
    return json.loads(json.dumps(value, default=lambda other: other.item() if hasattr(other, "item") else str(other)))

"""What the vendor does in the demonstration, and how its answers compare with the expected ones."""

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from django.conf import settings
from rich.progress import Progress

from demo import alterations, traffic
from demo.alterations import Kind
from demo.pictures import registered
from demo.report import Report
from demo.vendor import FAILED, Vendor, codes
from holdout.receipts import verify_opening
from holdout.vocabulary import PRESETS, UsageCategory

STARTED: Final = "HOLDOUT_STARTED"
"""The variable in which `./run` tells when it was called, in seconds since 1970."""


def first_answer(vendor: Vendor, report: Report) -> None:
    """Ask about a registered picture as soon as there is one."""
    picture = registered()[0]
    (result,) = vendor.look_at([picture.read()])
    expected = _said(picture.preset)
    if result.get("uses") != expected:
        report.wrong.append(f"first answer about {picture.name}: {result}")
    if started := os.environ.get(STARTED):
        report.lines["first true answer after"] = f"{time.time() - float(started):.1f} s"


def look_at_copies(vendor: Vendor, report: Report, progress: Progress) -> None:
    """Screen the folder of copies: identical, altered, strangers."""
    copies = list(alterations.copies())
    task = progress.add_task("looking at pictures", total=len(copies))
    counts: Counter[str] = Counter()
    for start in range(0, len(copies), 16):
        batch = copies[start : start + 16]
        for copy, result in zip(batch, vendor.look_at([copy.data for copy in batch]), strict=True):
            as_expected = _is_expected(copy, result)
            counts[f"{copy.kind} {'as expected' if as_expected else 'wrong'}"] += 1
            if not as_expected:
                report.wrong.append(f"{copy.kind} {copy.name}: {result}")
        progress.advance(task, len(batch))
    report.lines["identical pictures denied"] = _of(counts, Kind.IDENTICAL)
    report.lines["altered copies for review"] = _of(counts, Kind.ALTERED)
    report.lines["strangers unknown"] = _of(counts, Kind.STRANGER)


def _of(counts: Counter[str], kind: Kind) -> str:
    right, wrong = counts[f"{kind} as expected"], counts[f"{kind} wrong"]
    return f"{right} of {right + wrong}, {wrong} missed"


def _said(preset: str) -> dict[str, str]:
    return {use.value: str(PRESETS[preset].get(use, "unknown")) for use in UsageCategory}


def _is_expected(copy: alterations.Copy, result: dict[str, Any]) -> bool:
    """Identical files answer by their statement; altered copies ask for review where it restricts."""
    said = _said(copy.picture.preset)
    if copy.kind is Kind.STRANGER:
        expected = dict.fromkeys(said, "unknown")
    elif copy.kind is Kind.ALTERED:
        expected = {use: "review" if s in {"deny", "conditional"} else "unknown" for use, s in said.items()}
    else:
        # An upload proves possession (L1), which is too little for a permission.
        expected = {use: "unknown" if s == "allow" else s for use, s in said.items()}
    return bool(result.get("uses") == expected)


def screen_rows(vendor: Vendor, report: Report, progress: Progress) -> None:
    """Screen the 100,000 rows as a job and compare every one."""
    folder = settings.VAR_DIR / "results"
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "scraped.parquet"
    traffic.write_table(table)
    task = progress.add_task("screening rows", total=traffic.ROWS)
    began = time.monotonic()
    job = vendor.screen(table, progress=lambda state: progress.update(task, completed=state["rows_done"]))
    seconds = time.monotonic() - began
    if job["state"] != "done":
        report.wrong.append(f"the job ended as {job['state']}: {job['error']}")
        return
    result = vendor.result(job)
    answered = codes(result)
    _compare(answered, report)
    path = folder / "answered.parquet"
    pq.write_table(result, path, compression="zstd")
    _tell(report, job, answered, seconds, path)
    receipt = vendor.receipt(job)
    verify_opening(receipt)
    place = f"{receipt['log']} log, index {receipt['entry']['index']}"
    report.lines["receipt"] = f"{receipt['record']['receipt']} ({place}), verified"


def _tell(report: Report, job: dict[str, Any], answered: list[str], seconds: float, path: Path) -> None:
    report.lines["rows"] = f"{len(answered):,}"
    report.lines["denied"] = f"{sum('D' in code for code in answered):,}"
    report.lines["conditional"] = f"{sum('C' in code for code in answered):,}"
    report.lines["review"] = f"{sum('R' in code for code in answered):,}"
    report.lines["allowed for some use"] = f"{sum('A' in code for code in answered):,}"
    report.lines["unknown for every use"] = f"{answered.count(traffic.NOTHING_SAID):,}"
    report.lines["failed"] = f"{answered.count(FAILED):,}"
    report.lines["rows per second"] = f"{len(answered) / seconds:,.0f} (wall clock, upload to result)"
    report.lines["job"] = str(job["id"])
    report.lines["result file"] = str(path)


def _compare(answered: list[str], report: Report) -> None:
    expected = traffic.expected_codes()
    if len(answered) != len(expected):
        report.wrong.append(f"{len(answered)} rows came back, {len(expected)} were sent")
        return
    for row, was, should in zip(traffic.rows(), answered, expected, strict=True):
        if was != should:
            report.wrong.append(f"{row.intent}: {row.url!r:.120} answered {was}, expected {should}")

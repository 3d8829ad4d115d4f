"""Figures of candidate quality: over time, by run, scores, skills, and the way from found to an e-mail address."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from .chosen import Chosen, ratio, unit_starts

BANDS = tuple(range(0, 100, 10))


@dataclass(frozen=True)
class Step:
    """A step of the funnel: how many candidates got so far, and which share that is of an earlier step."""

    name: str
    count: int
    base: str | None = None
    share: float | None = None
    """None where there is no earlier step, or it does not bound this one: runs may not tell it."""


# each step: the column, the step that its share is of, and the column that is part of that one: found and scored are
# those of the last pass
_FUNNEL: dict[str, tuple[str, str | None, str]] = {
    "found": ("found", None, "found"),
    "scored": ("scored", "found", "scored"),
    "delivered": ("delivered", "scored", "delivered_last_pass"),
    "enriched": ("enriched_later", "delivered", "enriched_later"),
    "with e-mail": ("email_known", "delivered", "email_known"),
}


class QualityFigures(Chosen):
    """How good the candidates of the chosen runs are."""

    @cached_property
    def quality_over_time(self) -> pd.DataFrame:
        """By day, week or month (`trend_unit`): start, middle, runs, candidates, score_average, share_strong.

        Only where there are scores. `middle` is halfway between the first and the last run.
        """
        dated = self.quality[(self.quality["with_score"] > 0) & self.quality["day"].notna()]
        frame = dated.assign(
            start=unit_starts(dated["day"], self.trend_unit),
            score_sum=dated["score_average"] * dated["with_score"],
        )
        groups = frame.groupby("start")
        sums = groups[["delivered", "with_score", "score_sum", "strong"]].sum()
        first, last = groups["day"].min(), groups["day"].max()
        return pd.DataFrame(
            {
                "start": sums.index,
                "middle": first + (last - first) / 2,
                "runs": groups.size(),
                "candidates": sums["delivered"],
                "score_average": sums["score_sum"] / sums["with_score"],
                "share_strong": sums["strong"] / sums["with_score"],
            }
        ).reset_index(drop=True)

    @cached_property
    def scored_runs(self) -> pd.DataFrame:
        """Runs that have scores, the latest first: request_id, day, delivered, their average and quartiles."""
        runs = self.quality[self.quality["with_score"] > 0]
        runs = runs.sort_values(["day", "completed_at", "request_id"], ascending=False, na_position="last")
        columns = ["request_id", "day", "delivered", "score_average", "score_q1", "score_median", "score_q3"]
        return runs[columns].reset_index(drop=True)

    @cached_property
    def score_bands(self) -> pd.DataFrame:
        """The histogram: band_from, candidates for all ten bands; empty where nobody has a score."""
        counts = self._of_runs(self.snapshot.scores).groupby("band_from")["candidates"].sum()
        frame = pd.DataFrame({"band_from": BANDS, "candidates": [int(counts.get(float(b), 0)) for b in BANDS]})
        return frame if frame["candidates"].any() else frame[:0]

    @cached_property
    def without_score(self) -> int:
        """Candidates that have no score, and so are in no band."""
        scores = self._of_runs(self.snapshot.scores)
        return int(scores.loc[scores["band_from"].isna(), "candidates"].sum())

    @cached_property
    def skills(self) -> pd.DataFrame:
        """Every skill, the most frequent first: skill, candidates, share (of all delivered), score_average."""
        columns = ["candidates", "with_score", "score_sum"]
        sums = self._of_runs(self.snapshot.skills).groupby("skill")[columns].sum().reset_index()
        sums = sums.sort_values(["candidates", "skill"], ascending=[False, True]).reset_index(drop=True)
        return pd.DataFrame(
            {
                "skill": sums["skill"],
                "candidates": sums["candidates"],
                "share": sums["candidates"] / max(self.quality["delivered"].sum(), 1),
                "score_average": sums["score_sum"] / sums["with_score"].where(sums["with_score"] > 0),
            }
        )

    @cached_property
    def funnel(self) -> list[Step]:
        """From found to having an e-mail address; empty where no run ended."""
        if self.quality.empty:
            return []
        return [
            Step(name, int(self.quality[column].sum()), base, self._share(part, _FUNNEL[base][0]) if base else None)
            for name, (column, base, part) in _FUNNEL.items()
        ]

    def _share(self, part: str, whole: str) -> float | None:
        """One column as a share of another, over the runs that tell both; None where it is no part of it."""
        told = self.quality[[part, whole]].dropna().sum()
        share = ratio(told[part], told[whole])
        return share if share is not None and share <= 1 else None

    @cached_property
    def runs_with_earlier_passes(self) -> int:
        """Runs with candidates that the last pass, which tells how many were found and scored, did not deliver."""
        return int((self.quality["delivered"] > self.quality["delivered_last_pass"]).sum())

    @cached_property
    def runs_without_counts(self) -> int:
        """Runs that do not say how many candidates they found or scored, so that the funnel misses them on top."""
        return int((self.quality["found"].isna() | self.quality["scored"].isna()).sum())

    def _of_runs(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["request_id"].isin(self.quality["request_id"])]

"""The outer search: a campaign of trials, its run folder, its journal and the protocol of trackers."""

from __future__ import annotations

from padesign.search.campaign import Campaign, CampaignResult, CampaignSettings, rank
from padesign.search.runfolder import RunFolder, TrialRecord
from padesign.search.sampler import SAMPLERS
from padesign.search.tracker import CampaignInfo, NullTracker, Tracker

__all__ = [
    "SAMPLERS",
    "Campaign",
    "CampaignInfo",
    "CampaignResult",
    "CampaignSettings",
    "NullTracker",
    "RunFolder",
    "Tracker",
    "TrialRecord",
    "rank",
]

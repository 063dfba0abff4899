"""Bulk requests that only start a job: done is what its results say of a record, and all else is in doubt."""

from __future__ import annotations

from datetime import timedelta

import pytest
from exchange import delivery
from scripted_server import Reply

from ponte.errors import ConfigurationError, Interrupted

JOB = {"done": ["Completed"], "failed": ["failed"], "interval": "3s", "timeout": "1m"}
ROWS = [{"sku": "a"}, {"sku": "b"}, {"sku": "c"}]
RESULTS = [{"sku": "c", "status": "ok"}, {"sku": "a", "status": 201}, {"sku": "b", "status": "error", "message": "no"}]


def write(job=None, upserts=True, **bulk):
    bulk = {"request": "POST /bulk", "answers": "results", "match": {"answer": "sku", "field": "sku"}, **bulk}
    return {**({"upsert": "PUT /products/{sku}"} if upserts else {}), "bulk": {**bulk, "job": {**JOB, **(job or {})}}}


class JobServer:
    """Accepts a bulk and answers questions about it one after the other; the last answer again and again."""

    def __init__(self, server, *states, accepted=None, pages=None):
        self.server, self.states, self.pages = server, list(states), pages or {}
        self.accepted = accepted or Reply(202, headers={"Location": "/jobs/7"})
        self.posts = 0

    def answer(self, seen):
        if seen.method == "POST":
            self.posts += 1
            return self.accepted
        if seen.path in self.pages:
            return self.pages[seen.path]
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return state if isinstance(state, Reply) else Reply(200, state)


@pytest.fixture
def deliver(server, open_system):
    async def run(job_server, operation="create", rows=ROWS, **settings):
        server.answer = job_server.answer
        target = open_system(write=write(**settings)).target("products")
        answers = await target.deliver(delivery(operation, rows))
        return answers["outcome"].to_list(), answers["reason"].to_list()

    return run


async def test_a_job_is_asked_after_until_it_is_done_and_each_record_has_its_result(server, deliver, clock):
    jobs = JobServer(server, {"status": "queued"}, {"status": "COMPLETED", "results": RESULTS})

    outcomes, _ = await deliver(jobs)

    assert outcomes == ["done", "rejected", "done"]
    assert server.asked("GET") == ["/jobs/7", "/jobs/7"]
    assert clock.slept == [3.0, 3.0]


async def test_the_pace_is_the_servers_where_it_says_so(server, deliver, clock):
    running = Reply(200, {"status": "running"}, headers={"Retry-After": "10"})
    accepted = Reply(202, headers={"Location": "/jobs/7", "Retry-After": "5"})
    jobs = JobServer(server, running, {"status": "completed", "results": RESULTS}, accepted=accepted)

    await deliver(jobs)

    assert clock.slept == [5.0, 10.0]


@pytest.mark.parametrize(
    ("job", "accepted"),
    [
        ({"address": "links.status"}, {"links": {"status": "/jobs/7"}}),
        ({"id": "job.id", "path": "/jobs/{job}"}, {"job": {"id": 7}}),
    ],
    ids=["address in the body", "id in the body"],
)
async def test_the_job_is_found_where_the_settings_say(server, deliver, job, accepted):
    jobs = JobServer(server, {"status": "completed", "results": RESULTS}, accepted=Reply(200, accepted))

    outcomes, _ = await deliver(jobs, job=job)

    assert (outcomes, server.asked("GET")) == (["done", "rejected", "done"], ["/jobs/7"])


async def test_results_stand_at_an_address_of_their_own_in_pages(server, deliver):
    pages = {
        "/jobs/7/results": Reply(200, {"results": RESULTS[:2], "next": "/jobs/7/more"}),
        "/jobs/7/more": Reply(200, {"results": RESULTS[2:], "next": None}),
    }
    jobs = JobServer(server, {"status": "completed", "output": "/jobs/7/results"}, pages=pages)

    outcomes, _ = await deliver(jobs, job={"results": "output", "next": "next"})

    assert outcomes == ["done", "rejected", "done"]


async def test_records_that_the_results_leave_out_are_unknown(server, deliver):
    jobs = JobServer(server, {"status": "completed", "results": RESULTS[:1]})

    outcomes, reasons = await deliver(jobs)

    assert outcomes == ["unknown", "unknown", "done"]
    assert reasons == ["AnswersDoNotMatch", "AnswersDoNotMatch", None]


async def test_results_by_position_count_only_if_there_are_as_many(server, deliver):
    done = [{"status": "ok"}] * 3

    assert (await deliver(JobServer(server, {"status": "completed", "results": done}), match=None))[0] == ["done"] * 3
    short = JobServer(server, {"status": "completed", "results": done[:2]})
    assert (await deliver(short, match=None))[0] == ["unknown"] * 3


async def test_a_job_that_failed_refuses_all_of_its_records_in_its_own_words(server, open_system):
    server.answer = JobServer(server, {"status": "Failed", "message": "no such catalogue"}).answer
    target = open_system(write=write()).target("products")

    answers = await target.deliver(delivery("create", ROWS))

    assert answers["outcome"].to_list() == ["rejected"] * 3
    assert "no such catalogue" in answers["message"][0]


async def test_a_failed_job_that_gives_results_is_judged_by_them(server, deliver):
    outcomes, _ = await deliver(JobServer(server, {"status": "failed", "results": RESULTS[:2]}))

    assert outcomes == ["done", "unknown", "done"]


async def test_a_job_that_does_not_end_is_unknown_within_the_time_that_the_target_declares(server, open_system, clock):
    server.answer = JobServer(server, {"status": "running"}).answer
    target = open_system(write=write()).target("products")
    started = clock.now()

    answers = await target.deliver(delivery("create", ROWS))

    assert answers["reason"].to_list() == ["JobNotFinished"] * 3
    assert answers["outcome"].to_list() == ["unknown"] * 3
    assert timedelta(seconds=50) < clock.now() - started <= timedelta(seconds=60)
    assert target.capabilities.timeout_s > 60
    assert target.capabilities.settle_s == 60
    assert target.capabilities.chunk == 500


@pytest.mark.parametrize(
    ("state", "accepted", "reason"),
    [
        ({}, Reply(202, {"ok": True}), "UnreadableAnswer"),
        (Reply(404), None, "AnswerLost"),
        (Reply(500), None, "ServerError"),
        (Reply(302, headers={"Location": "https://elsewhere.example/jobs/7"}), None, "LinkLeavesSystem"),
        ({}, Reply(202, headers={"Location": "http://169.254.169.254/latest"}), "LinkLeavesSystem"),
    ],
    ids=["no address", "job unknown", "status broken", "redirected away", "address elsewhere"],
)
async def test_a_job_that_is_lost_after_it_was_accepted_leaves_all_of_it_unknown(
    server, deliver, state, accepted, reason
):
    outcomes, reasons = await deliver(JobServer(server, state, accepted=accepted))

    assert (outcomes, reasons) == (["unknown"] * 3, [reason] * 3)


async def test_a_job_whose_address_leads_away_is_met_once_and_no_further_bulk_is_sent(server, open_system):
    jobs = JobServer(server, {}, accepted=Reply(202, headers={"Location": "https://elsewhere.example/7"}))
    server.answer = jobs.answer
    target = open_system(write=write()).target("products")
    await target.deliver(delivery("create", ROWS))

    with pytest.raises(ConfigurationError, match="elsewhere"):
        await target.deliver(delivery("create", ROWS))

    assert jobs.posts == 1


async def test_creates_whose_acceptance_was_lost_are_unknown_and_not_sent_again(server, deliver):
    jobs = JobServer(server, {}, accepted=Reply(is_dropped=True))

    outcomes, _ = await deliver(jobs, upserts=False)

    assert (outcomes, jobs.posts) == (["unknown"] * 3, 1)


async def test_a_stop_signal_leaves_an_accepted_job_unknown_never_refused(server, deliver, clock, monkeypatch):
    async def sleep(seconds):
        raise Interrupted("stopped while waiting")

    monkeypatch.setattr(clock, "sleep", sleep)

    outcomes, _ = await deliver(JobServer(server, {}))

    assert outcomes == ["unknown"] * 3


async def test_a_request_for_a_job_that_is_refused_is_split_like_any_other(server, deliver):
    jobs = JobServer(server, {"status": "completed", "results": RESULTS}, accepted=Reply(422, {"message": "no"}))

    outcomes, _ = await deliver(jobs)

    assert (outcomes, jobs.posts) == (["rejected"] * 3, 5)

"""Schedules are those of Kubernetes' CronJob; what never comes, or says something else, is refused."""

import pytest

from ponte.manifests.schedules import schedule_fault, zone_fault


@pytest.mark.parametrize(
    "schedule",
    ["0 2 * * *", "*/15 6-20 * * 1-6", "0 6 * * 0", "0 0 29 2 *", "5,35 * * JAN-MAR mon", "0 0 31 */2 *",
     "10/5 * * * ?",
     "0 0 31 2 1", "59 23 31 12 6", "0-30/10 * 1,15 * *"],
)  # fmt: skip
def test_a_schedule_of_five_fields_is_taken(schedule):
    assert schedule_fault(schedule) is None


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("* * * * * *", "has 6 fields, five are wanted"),
        ("0 2 * *", "has 4 fields"),
        ("0 0 31 2 *", "never comes"),
        ("0 0 30,31 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("@reboot", "write five fields"),
        ("@daily", "write five fields"),
        ("TZ=Europe/Rome 0 2 * * *", "write it in timeZone"),
        ("CRON_TZ=UTC 0 2 * * *", "write it in timeZone"),
        ("60 * * * *", 'minute "60" is not between 0 and 59'),
        ("0 24 * * *", 'hour "24" is not between 0 and 23'),
        ("0 0 0 * *", 'day of the month "0"'),
        ("0 0 * 13 *", 'month "13"'),
        ("0 0 * * 7", "Sunday is 0"),
        ("0 0 * * mo", 'day of the week "mo"'),
        ("*/0 * * * *", "a step of 0"),
        ("30-10 * * * *", "ends before it begins"),
        ("1,,2 * * * *", "is not understood"),
        ("-1 * * * *", "is not understood"),
        ("0 0 L * *", "is not between"),
        ("0 0 1W * *", "is not between"),
        ("٣ * * * *", "is not understood"),
    ],
)
def test_a_schedule_that_kubernetes_would_refuse_or_never_run_is_a_fault(schedule, message):
    assert message in schedule_fault(schedule)


@pytest.mark.parametrize("zone", ["Europe/Rome", "UTC", "America/New_York"])
def test_a_zone_of_the_tz_database_is_taken(zone):
    assert zone_fault(zone) is None


@pytest.mark.parametrize(
    "zone", ["Europe/Roma", "", "../../etc/passwd", "/etc/localtime", "+02:00", "Europe", "a\x00b"]
)
def test_what_is_no_zone_is_a_fault(zone):
    assert "is no time zone" in zone_fault(zone)

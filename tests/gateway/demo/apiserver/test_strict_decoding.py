"""Unknown fields."""

from tests.gateway.demo.demo_client import CORE, DemoCluster, config_map


async def test_unknown_fields_are_dropped_with_a_warning_or_refused(bare: DemoCluster) -> None:
    value = {**config_map("one"), "colour": "red"}
    response = await bare.client.post(f"{CORE}/configmaps", json=value)
    assert response.headers["Warning"] == '299 - "unknown field \\"colour\\""'
    assert "colour" not in response.json()
    strict = await bare.client.post(
        f"{CORE}/configmaps",
        json={**value, "metadata": {"name": "two"}},
        params={"fieldValidation": "Strict"},
    )
    assert (strict.status_code, strict.json()["reason"]) == (400, "BadRequest")

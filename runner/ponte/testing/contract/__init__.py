"""What every connector must do, as test classes to inherit. Shipped, so that connectors of others can be held to it.

A connector's test inherits `SourceContract` or `TargetContract` and gives its fixtures; the tests ask for capabilities
and traits, never for names. pytest is imported by the classes' modules only: the program itself does not need it.

    class TestMySource(SourceContract):
        traits = Traits(is_typed=True)

        @pytest.fixture
        def open_source(self, my_server) -> OpenSource: ...
"""

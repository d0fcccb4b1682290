"""The index of events answers what looking at every event would."""

from hypothesis import given
from hypothesis import strategies as st

from tegro_localnet.chain.node.log_index import LogIndex
from tegro_localnet.chain.node.records import LogRecord

words = st.sampled_from([bytes([number]) for number in range(3)])
drafts = st.lists(st.tuples(st.integers(0, 2), words, st.lists(words, max_size=3)), max_size=25)
topic_filters = st.lists(st.none() | st.frozensets(words, min_size=1), max_size=3)


def build(drafts) -> list[LogRecord]:
    logs, block = [], 0
    for index, (step, address, topics) in enumerate(drafts):
        block += step
        logs.append(
            LogRecord(
                address=address,
                topics=tuple(topics),
                data=b"",
                block_number=block,
                block_hash=b"",
                tx_hash=b"",
                tx_index=0,
                log_index=index,
            )
        )
    return logs


def wanted(log, first, last, addresses, topics) -> bool:
    return (
        first <= log.block_number <= last
        and (addresses is None or log.address in addresses)
        and len(log.topics) >= len(topics)
        and all(choice is None or log.topics[place] in choice for place, choice in enumerate(topics))
    )


@given(
    drafts=drafts,
    first=st.integers(0, 12),
    last=st.integers(0, 12),
    addresses=st.none() | st.frozensets(words),
    topics=topic_filters,
)
def test_finds_what_a_plain_search_finds(drafts, first, last, addresses, topics) -> None:
    logs = build(drafts)
    index = LogIndex()
    index.add(logs)
    assert index.find(first, last, addresses, topics) == [
        log for log in logs if wanted(log, first, last, addresses, topics)
    ]

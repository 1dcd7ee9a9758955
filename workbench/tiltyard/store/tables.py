"""The store's tables. Imported when a store is first opened, for SQLAlchemy takes its time."""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

VERSION = 2  # 2: with the chain; an older Tiltyard would write rows without links

metadata = MetaData()

layout = Table("tiltyard_store", metadata, Column("version", Integer, primary_key=True))

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("started", Float, nullable=False, index=True),
    Column("ended", Float),
    Column("verdict", String(16), nullable=False, default=""),
    Column("target_name", Text, nullable=False),
    Column("target_fingerprint", Text, nullable=False, index=True),
    Column("target_detail", Text, nullable=False),
    Column("data_name", Text, nullable=False),
    Column("data_fingerprint", Text, nullable=False),
    Column("data_detail", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", Text, nullable=False),
    Column("versions", Text, nullable=False),
    Column("config", Text, nullable=False),
)

records = Table(
    "records",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("token", String(32), nullable=False, unique=True),
    Column("run_id", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("step", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("severity", String(16), nullable=False, default=""),
    Column("given", Text, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", Text, nullable=False),
    Column("record", Text),
)

# Whose run it is: added to format 1 without a new number, for an older Tiltyard that does not know it loses nothing.
owners = Table(
    "owners",
    metadata,
    Column("run_id", String(32), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, nullable=False, index=True),
)

# Runs that everybody may look at: added to format 1 like the owners.
shares = Table("shares", metadata, Column("run_id", String(32), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True))

# Jobs under way: added to format 1 without a new number, for an older Tiltyard that does not know them loses nothing.
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("run_id", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("done", Float, nullable=False, default=0.0),
    Column("message", Text, nullable=False, default=""),
    Column("left", Float),
    Column("told", Float, nullable=False),
    Column("cancel", Float),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", Text, nullable=False),
)

# Files that steps made, each in the transaction of its record: added to format 1 like the owners.
artifacts = Table(
    "artifacts",
    metadata,
    Column("token", String(32), ForeignKey("records.token", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# One link for each row written, changed or deleted, and the head that says where the chain ends. No foreign keys, for links outlive rows.
chain = Table(
    "chain",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("run_id", String(32), nullable=False, index=True),
    Column("what", String(16), nullable=False),
    Column("key", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("did", String(16), nullable=False),
    Column("facts", String(64), nullable=False),
    Column("content", String(64), nullable=False),
    Column("under", String(16), nullable=False),
    Column("hash", String(64), nullable=False),
)
store_head = Table(
    "store_head",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("store", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("under", String(16), nullable=False),
    Column("mark", String(16), nullable=False),
    Column("proof", String(64), nullable=False),
)

LATER = (owners, jobs, shares, artifacts, chain, store_head)

Index("records_of_run", records.c.run_id, records.c.state)
Index("records_by_state", records.c.state)
Index("links_of_row", chain.c.what, chain.c.key)

//! From work to parcel: the bytes and the headers of one request. Pure (the time is handed in).

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::model::journal::{Epoch, Gap, Stream};
use crate::model::site::Site;
use crate::model::time::WallMs;
use crate::northbound::compress::Compressor;
use crate::northbound::find::Work;
use crate::northbound::telemetry::TelemetryEncoder;
use crate::northbound::{Compress, Identity, events};

/// Readings older than this are marked as backfill.
const LIVE_MS: i64 = 60_000;

/// One request, ready to send any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) idempotency_key: String,
    pub(crate) backfill: bool,
    pub(crate) body: Bytes,
    pub(crate) stream: Stream,
    pub(crate) epoch: Epoch,
    /// First number in it.
    pub(crate) first: u64,
    /// Last number in it.
    pub(crate) last: u64,
    /// A gap record instead of rows.
    pub(crate) is_gap: bool,
    /// Wall time of the oldest thing in it.
    pub(crate) oldest_wall_ms: Option<i64>,
}

impl Parcel {
    pub(crate) fn rows(&self) -> u64 {
        self.last + 1 - self.first
    }
}

/// Makes parcels for one lane.
#[derive(Debug)]
pub(crate) struct Packer {
    identity: Identity,
    compress: Compress,
    compressor: Compressor,
    /// Only the telemetry lane has one: it holds the names of all points.
    encoder: Option<TelemetryEncoder>,
}

impl Packer {
    pub(crate) fn new(identity: &Identity, compress: Compress, readings_of: Option<Arc<Site>>) -> io::Result<Self> {
        Ok(Self {
            identity: identity.clone(),
            compress,
            compressor: Compressor::new(compress)?,
            encoder: readings_of.map(|site| TelemetryEncoder::new(identity, site)),
        })
    }

    /// The parcel of at most `limit` rows of some work; `None` if there is nothing to send.
    pub(crate) fn pack(&mut self, work: &Work, limit: u64, now: WallMs) -> io::Result<Option<Parcel>> {
        match work {
            Work::Nothing => Ok(None),
            Work::Gap(gap) => self.pack_gap(gap).map(Some),
            Work::Rows(rows) => {
                let rows = rows.get(..usize::try_from(limit).map_or(rows.len(), |l| l.min(rows.len()))).unwrap_or(rows);
                let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
                let body = events::encode_rows(&self.identity, rows);
                let mut parcel = self.seal(first.stream, first.epoch, first.seq, last.seq, &body)?;
                parcel.oldest_wall_ms = Some(first.wall_ms);
                parcel.backfill = now.0.saturating_sub(last.wall_ms) > LIVE_MS;
                Ok(Some(parcel))
            }
            Work::Readings { batch, skip } => {
                let rest = batch.columns.point.len().saturating_sub(*skip);
                let take = usize::try_from(limit).unwrap_or(usize::MAX).min(rest);
                let Some(encoder) = self.encoder.as_mut().filter(|_| take > 0) else { return Ok(None) };
                let first = batch.seq_first + *skip as u64;
                let last = first + take as u64 - 1;
                let packed = self.compressor.pack(&encoder.encode(batch, *skip, take))?;
                let mut parcel = self.wrap(Stream::Telemetry, batch.epoch, first, last, packed);
                let newest = batch.columns.at.iter().skip(*skip).take(take).max().map(|at| batch.wall_ms(*at));
                let oldest = batch.columns.at.iter().skip(*skip).take(take).min().map(|at| batch.wall_ms(*at));
                parcel.backfill = newest.is_some_and(|ms| now.0.saturating_sub(ms) > LIVE_MS);
                parcel.oldest_wall_ms = oldest;
                Ok(Some(parcel))
            }
        }
    }

    /// The parcel that declares a hole.
    pub(crate) fn pack_gap(&mut self, gap: &Gap) -> io::Result<Parcel> {
        let body = events::encode_gap(&self.identity, gap);
        let mut parcel = self.seal(gap.stream, gap.epoch, gap.from, gap.to, &body)?;
        parcel.path = "v1/events";
        parcel.content_type = events::CONTENT_TYPE;
        parcel.is_gap = true;
        // The row itself may have been sent under the plain key: another body needs another key.
        parcel.idempotency_key.push_str("/gap");
        Ok(parcel)
    }

    fn seal(&mut self, stream: Stream, epoch: Epoch, first: u64, last: u64, body: &[u8]) -> io::Result<Parcel> {
        let packed = self.compressor.pack(body)?;
        Ok(self.wrap(stream, epoch, first, last, packed))
    }

    fn wrap(&self, stream: Stream, epoch: Epoch, first: u64, last: u64, packed: Vec<u8>) -> Parcel {
        let is_telemetry = stream == Stream::Telemetry;
        Parcel {
            path: if is_telemetry { "v1/telemetry" } else { "v1/events" },
            content_type: if is_telemetry { "application/json" } else { events::CONTENT_TYPE },
            encoding: self.compress.encoding(),
            idempotency_key: format!("{}/{}/{epoch}/{first}-{last}", self.identity.gateway_id, stream.word()),
            backfill: false,
            body: Bytes::from(packed),
            stream,
            epoch,
            first,
            last,
            is_gap: false,
            oldest_wall_ms: None,
        }
    }
}

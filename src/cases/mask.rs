//! A picture without faces, windows and neighbours: coarse blocks everywhere but around the track. Pure.
//!
//! The default picture of page and export. What cannot be decoded is not shown at all. Made as PNG by a writer of our own.
//!
//! Limits: JPEG only; [`PIXELS_MAX`] pixels (36 MB while it works).

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::model::sight::TrackPoint;

/// Most pixels of a picture.
pub const PIXELS_MAX: usize = 12_000_000;
/// Blocks along the longer side: coarse enough that a face in a view of a facade is one or two blocks.
const BLOCKS: usize = 40;
/// Radius around a track point that stays sharp, as a share of the longer side.
const SHARP: f64 = 0.025;

/// A track whose surroundings make up more than this share of the picture is none to look at closely (a bird that circles, a
/// camera that lies): then nothing stays sharp.
const SHARP_SHARE_MAX: f64 = 0.2;

/// Why there is no masked picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// Not a JPEG, or damaged; show none.
    #[error("the picture cannot be decoded: {0}")]
    Decode(String),
    /// Larger than the bound; show none.
    #[error("the picture has more than 12 million pixels")]
    TooLarge,
}

struct Picture {
    width: usize,
    height: usize,
    /// Red, green, blue, row by row.
    rgb: Vec<u8>,
}

/// The masked picture as PNG. `frame` is the picture size in which the track is drawn; the picture's own without it.
pub fn mask(jpeg: &[u8], track: &[TrackPoint], frame: Option<(u32, u32)>) -> Result<Vec<u8>, MaskError> {
    let mut picture = decode(jpeg)?;
    let mut clear = clearing(&picture, track, frame);
    if share(&picture, &clear) > SHARP_SHARE_MAX {
        clear.clear();
    }
    coarsen(&mut picture, &clear);
    Ok(png(&picture))
}

fn decode(jpeg: &[u8]) -> Result<Picture, MaskError> {
    let fault = |e: &dyn std::fmt::Display| MaskError::Decode(e.to_string());
    let options =
        DecoderOptions::default().set_max_width(16_384).set_max_height(16_384).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(|e| fault(&e))?;
    let info = decoder.info().ok_or_else(|| fault(&"no header"))?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    if width * height > PIXELS_MAX {
        return Err(MaskError::TooLarge);
    }
    let rgb = decoder.decode().map_err(|e| fault(&e))?;
    if width == 0 || rgb.len() != width * height * 3 {
        return Err(fault(&"not a colour picture"));
    }
    Ok(Picture { width, height, rgb })
}

/// Which blocks stay sharp: those near a point of the track.
fn clearing(picture: &Picture, track: &[TrackPoint], frame: Option<(u32, u32)>) -> Vec<(f64, f64, f64)> {
    let (width, height) = (picture.width as f64, picture.height as f64);
    let (from_w, from_h) = frame.map_or((width, height), |(w, h)| (f64::from(w.max(1)), f64::from(h.max(1))));
    let radius = width.max(height) * SHARP;
    track
        .iter()
        .filter(|p| p.x.is_finite() && p.y.is_finite())
        .map(|p| (p.x / from_w * width, p.y / from_h * height, radius + p.w.max(p.h).max(0.0) / from_w * width / 2.0))
        .map(|(x, y, r)| (x, y, r.min(width.max(height) * 2.0 * SHARP)))
        .collect()
}

/// Which share of the picture would stay sharp, by a grid of [`BLOCKS`] places a side.
fn share(picture: &Picture, clear: &[(f64, f64, f64)]) -> f64 {
    let (cell_w, cell_h) = (picture.width as f64 / BLOCKS as f64, picture.height as f64 / BLOCKS as f64);
    let sharp = |n: &usize| {
        let (x, y) = (((n % BLOCKS) as f64 + 0.5) * cell_w, ((n / BLOCKS) as f64 + 0.5) * cell_h);
        clear.iter().any(|(cx, cy, r)| (x - cx).hypot(y - cy) <= *r)
    };
    (0..BLOCKS * BLOCKS).filter(sharp).count() as f64 / (BLOCKS * BLOCKS) as f64
}

fn coarsen(picture: &mut Picture, clear: &[(f64, f64, f64)]) {
    let size = picture.width.max(picture.height).div_ceil(BLOCKS).max(1);
    for y0 in (0..picture.height).step_by(size) {
        for x0 in (0..picture.width).step_by(size) {
            let (x1, y1) = ((x0 + size).min(picture.width), (y0 + size).min(picture.height));
            let mean = mean(picture, (x0, y0), (x1, y1));
            let near: Vec<_> = clear
                .iter()
                .filter(|(x, y, r)| {
                    *x + r >= x0 as f64 && *x - r <= x1 as f64 && *y + r >= y0 as f64 && *y - r <= y1 as f64
                })
                .collect();
            for y in y0..y1 {
                for x in x0..x1 {
                    let sharp = near.iter().any(|(cx, cy, r)| (x as f64 - cx).hypot(y as f64 - cy) <= *r);
                    let at = (y * picture.width + x) * 3;
                    if let Some(pixel) = picture.rgb.get_mut(at..at + 3).filter(|_| !sharp) {
                        pixel.copy_from_slice(&mean);
                    }
                }
            }
        }
    }
}

fn mean(picture: &Picture, (x0, y0): (usize, usize), (x1, y1): (usize, usize)) -> [u8; 3] {
    let mut sum = [0u64; 3];
    for y in y0..y1 {
        let row = (y * picture.width + x0) * 3..(y * picture.width + x1) * 3;
        for pixel in picture.rgb.get(row).unwrap_or_default().chunks_exact(3) {
            for (total, part) in sum.iter_mut().zip(pixel) {
                *total += u64::from(*part);
            }
        }
    }
    let count = ((x1 - x0) * (y1 - y0)).max(1) as u64;
    sum.map(|total| u8::try_from(total / count).unwrap_or(u8::MAX))
}

/// PNG, true colour, no filter: blocks of one colour pack well as they are.
fn png(picture: &Picture) -> Vec<u8> {
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::new(4));
    let line = picture.width * 3;
    let mut filtered = Vec::with_capacity(line + 1);
    for row in picture.rgb.chunks_exact(line) {
        // No filter: within a block all pixels are the same, which packs well as it is.
        filtered.clear();
        filtered.push(0);
        filtered.extend_from_slice(row);
        rows.write_all(&filtered).expect("memory takes it");
    }
    let body = rows.finish().expect("memory takes it");
    let size = |n: usize| u32::try_from(n).unwrap_or(0).to_be_bytes();
    let mut head = [size(picture.width), size(picture.height)].concat();
    head.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &head), (b"IDAT", &body), (b"IEND", &Vec::new())] {
        png.extend_from_slice(&size(data.len()));
        png.extend_from_slice(kind);
        png.extend_from_slice(data);
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(data);
        png.extend_from_slice(&crc.sum().to_be_bytes());
    }
    png
}

//! What a reader of the masked picture can and cannot see, on the pixels of a real JPEG.

use std::io::Read;

use gatehouse::cases::mask::mask;
use gatehouse::model::sight::TrackPoint;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

/// A facade with windows, as the demo shows it.
const FACADE: &[u8] = include_bytes!("../../config/demo_facade.jpg");

struct Pixels {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Pixels {
    fn jpeg(bytes: &[u8]) -> Self {
        let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
        let rgb = decoder.decode().unwrap();
        let info = decoder.info().unwrap();
        Self { width: info.width.into(), height: info.height.into(), rgb }
    }

    /// Reads the plain PNG that the mask writes: one IDAT, true colour, no filter.
    fn png(bytes: &[u8]) -> Self {
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let (width, height) = (number(16), number(20));
        let body = &bytes[41..41 + number(33)];
        assert_eq!(&bytes[37..41], b"IDAT");
        let mut rows = Vec::new();
        flate2::read::ZlibDecoder::new(body).read_to_end(&mut rows).unwrap();
        let rows: Vec<&[u8]> = rows.chunks_exact(width * 3 + 1).collect();
        assert!(rows.len() == height && rows.iter().all(|row| row[0] == 0));
        Self { width, height, rgb: rows.iter().flat_map(|row| row[1..].to_vec()).collect() }
    }

    fn at(&self, x: usize, y: usize) -> [i32; 3] {
        let at = (y * self.width + x) * 3;
        [0, 1, 2].map(|c| i32::from(self.rgb[at + c]))
    }

    /// The largest difference between neighbours in a window of the picture: what an eye could still make out.
    fn detail(&self, x0: usize, y0: usize, side: usize) -> i32 {
        let mut most = 0;
        for y in y0..y0 + side - 1 {
            for x in x0..x0 + side - 1 {
                for other in [self.at(x + 1, y), self.at(x, y + 1)] {
                    let here = self.at(x, y);
                    most = most.max((0..3).map(|c| (here[c] - other[c]).abs()).max().unwrap());
                }
            }
        }
        most
    }
}

fn line(x: f64, y0: f64, y1: f64) -> Vec<TrackPoint> {
    (0..9).map(|n| TrackPoint { t: f64::from(n), x, y: y0 + (y1 - y0) * f64::from(n) / 8.0, w: 0.0, h: 0.0 }).collect()
}

#[test]
fn windows_are_unreadable_and_the_track_stays_as_it_was() {
    let before = Pixels::jpeg(FACADE);
    let (w, h) = (before.width as f64, before.height as f64);
    let track = line(w / 2.0, h * 0.3, h * 0.7);
    let after = Pixels::png(&mask(FACADE, &track, None).unwrap());
    assert_eq!((after.width, after.height), (before.width, before.height));
    // On the track every pixel is what it was.
    for point in &track {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // pixels of a small picture
        let (x, y) = (point.x as usize, point.y as usize);
        for (dx, dy) in [(0, 0), (3, 0), (0, 3), (3, 3)] {
            assert_eq!(after.at(x + dx, y + dy), before.at(x + dx, y + dy), "{x} {y}");
        }
    }
    // Away from it each block is one colour, the mean of what was there, however much detail there was.
    let size = before.width.max(before.height).div_ceil(40);
    let (mut blocks, mut lively) = (0, 0);
    for y0 in (0..before.height - size).step_by(size) {
        for x0 in (0..before.width - size).step_by(size) {
            if (x0 as f64 + size as f64 / 2.0 - w / 2.0).abs() < w * 0.1 {
                continue;
            }
            blocks += 1;
            lively += usize::from(before.detail(x0, y0, size) > 25);
            assert_eq!(after.detail(x0, y0, size), 0, "block at {x0}, {y0} can be read");
            let sum = |p: &Pixels, c: usize| -> i64 {
                (0..size * size).map(|n| i64::from(p.at(x0 + n % size, y0 + n / size)[c])).sum()
            };
            let area = (size * size) as i64;
            for c in 0..3 {
                assert_eq!(sum(&before, c) / area, i64::from(after.at(x0, y0)[c]), "not the mean at {x0}, {y0}");
            }
        }
    }
    println!("{lively} of {blocks} blocks of {size} pixels held detail; none does now");
    assert!(lively * 5 > blocks, "the picture of the test has no windows: {lively} of {blocks}");
}

#[test]
fn without_a_track_nothing_is_left_and_a_track_over_everything_opens_nothing() {
    let before = Pixels::jpeg(FACADE);
    let size = before.width.max(before.height).div_ceil(40);
    let (w, h) = (before.width as f64, before.height as f64);
    // As a hostile or broken camera may send it: points all over the picture.
    let everywhere: Vec<TrackPoint> = (0..2_000)
        .map(|n| TrackPoint { t: f64::from(n), x: f64::from(n % 50) * w / 50.0, y: f64::from(n / 50) * h / 40.0, w, h })
        .collect();
    for track in [Vec::new(), everywhere] {
        let after = Pixels::png(&mask(FACADE, &track, None).unwrap());
        for y0 in (0..before.height - size).step_by(size) {
            for x0 in (0..before.width - size).step_by(size) {
                assert_eq!(after.detail(x0, y0, size), 0, "block at {x0}, {y0}, {} points", track.len());
            }
        }
    }
    assert!(mask(b"\xff\xd8\xff\xe0 no picture", &[], None).is_err());
}

//! What stands before the data of a scan.

use super::block::place_of;
use super::huffman::Definition;

/// An image of one scan, grey or YCbCr, by its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    /// The first `channels` count.
    pub(super) components: [Component; 3],
    /// 1 or 3.
    pub(super) channels: usize,
    /// Samples of luma for each of chroma along a row, then down a column; 1 or 2.
    pub(super) sampling: [usize; 2],
    /// Blocks of luma, with the chroma that belongs to them, between restarts; 0 if there is none.
    pub(super) restart_interval: usize,
    /// Code tables of means, then of all else.
    pub(super) codes: [[Option<Definition>; SLOTS]; 2],
    pub(super) exif: Option<&'a [u8]>,
    /// All that follows the header of the scan.
    pub(super) data: &'a [u8],
}

/// One component of the image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    /// Quantisation steps, row by row.
    pub(super) steps: [i16; 64],
    /// Which code tables it uses, of [`Header::codes`].
    pub(super) slots: [usize; 2],
}

/// Tables of each kind that a file may have at a time.
pub(super) const SLOTS: usize = 4;

const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];
const START_OF_SCAN: u8 = 0xda;
const BASELINE: u8 = 0xc0;
const EXTENDED: u8 = 0xc1;
const HUFFMAN_TABLES: u8 = 0xc4;
const QUANTISATION_TABLES: u8 = 0xdb;
const RESTART_INTERVAL: u8 = 0xdd;
const APP1: u8 = 0xe1;
const ADOBE: u8 = 0xee;
const COMMENT: u8 = 0xfe;
/// Of Adobe's segment: YCbCr. 0 is red, green, blue.
const YCBCR: u8 = 1;

/// What segments have said so far.
struct Said<'a> {
    frame: Option<Frame>,
    steps: [Option<[i16; 64]>; SLOTS],
    codes: [[Option<Definition>; SLOTS]; 2],
    restart_interval: usize,
    transform: u8,
    exif: Option<&'a [u8]>,
}

struct Frame {
    width: usize,
    height: usize,
    channels: usize,
    sampling: [usize; 2],
    /// The identifier and the slot of quantisation steps of each component.
    components: [[u8; 2]; 3],
}

impl<'a> Header<'a> {
    /// Reads the header of an image that is baseline or extended sequential, by Huffman codes, of 8
    /// bits, in one scan, and grey or YCbCr with chroma at all or half of the columns and rows.
    ///
    /// `None` for any other, or where the header is wrong.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut said = Said {
            frame: None,
            steps: [None; SLOTS],
            codes: [[None; SLOTS]; 2],
            restart_interval: 0,
            transform: YCBCR,
            exif: None,
        };
        let mut rest = bytes.strip_prefix(&START_OF_IMAGE)?;
        loop {
            let (marker, contents) = take_segment(&mut rest)?;
            match marker {
                BASELINE | EXTENDED if said.frame.is_none() => said.frame = Some(frame(contents)?),
                HUFFMAN_TABLES => said.take_codes(contents)?,
                QUANTISATION_TABLES => said.take_steps(contents)?,
                RESTART_INTERVAL => {
                    said.restart_interval = u16::from_be_bytes(*contents.as_array()?).into();
                }
                APP1 => said.exif = contents.strip_prefix(b"Exif\0\0").or(said.exif),
                ADOBE if contents.starts_with(b"Adobe") => said.transform = *contents.get(11)?,
                START_OF_SCAN => return said.header(contents, rest),
                0xe0..=0xef | COMMENT => {}
                // Frames of other processes, and what belongs to them.
                _ => return None,
            }
        }
    }
}

/// Takes a marker and its segment's contents; `None` if something else is there.
fn take_segment<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let [0xff, marker, high, low, ..] = **rest else {
        return None;
    };
    // The length counts itself.
    let length = usize::from(u16::from_be_bytes([high, low]));
    let segment = rest.split_off(..2 + length)?;
    Some((marker, segment.get(4..)?))
}

fn frame(contents: &[u8]) -> Option<Frame> {
    let &[8, h1, h0, w1, w0, channels, ref components @ ..] = contents else {
        return None;
    };
    let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
    let channels = usize::from(channels);
    let (components, rest) = components.as_chunks::<3>();
    if width == 0 || height == 0 || components.len() != channels || !rest.is_empty() {
        return None;
    }
    let (sampling, components) = match *components {
        // Alone, a component has no other to be sampled less than.
        [[id, 0x11 | 0x12 | 0x21 | 0x22, slot]] => ([1, 1], [[id, slot]; 3]),
        [[y, sampling, y_slot], [cb, 0x11, cb_slot], [cr, 0x11, cr_slot]] => {
            let sampling = [sampling >> 4, sampling & 0xf].map(usize::from);
            (sampling, [[y, y_slot], [cb, cb_slot], [cr, cr_slot]])
        }
        _ => return None,
    };
    let is_rgb = components.map(|[id, _]| id) == *b"RGB";
    if is_rgb || sampling.iter().any(|factor| !(1..=2).contains(factor)) {
        return None;
    }
    Some(Frame { width: width.into(), height: height.into(), channels, sampling, components })
}

impl<'a> Said<'a> {
    fn take_codes(&mut self, mut contents: &[u8]) -> Option<()> {
        while let Some(&place) = contents.split_off_first() {
            let kind = self.codes.get_mut(usize::from(place >> 4))?;
            *kind.get_mut(usize::from(place & 0xf))? = Some(Definition::take(&mut contents)?);
        }
        Some(())
    }

    fn take_steps(&mut self, mut contents: &[u8]) -> Option<()> {
        while let Some(&place) = contents.split_off_first() {
            let mut steps = [0; 64];
            for at in 0..steps.len() {
                // Steps of 16 bits are for samples of 12.
                steps[place_of(at)] = i16::from(*contents.split_off_first()?);
            }
            // The upper half of the byte is the depth of the steps, 0 for 8 bits.
            *self.steps.get_mut(usize::from(place))? = Some(steps);
        }
        Some(())
    }

    fn header(&self, scan: &[u8], data: &'a [u8]) -> Option<Header<'a>> {
        let frame = self.frame.as_ref()?;
        let (&channels, rest) = scan.split_first()?;
        // All coefficients, at their full precision.
        let components = rest.strip_suffix(&[0, 63, 0])?.as_chunks::<2>();
        let (components, []) = components else {
            return None;
        };
        if usize::from(channels) != frame.channels || components.len() != frame.channels {
            return None;
        }
        if frame.channels == 3 && self.transform != YCBCR {
            return None;
        }
        let mut found = [Component { steps: [0; 64], slots: [0; 2] }; 3];
        for ((found, [id, slot]), [scan_id, slots]) in
            found.iter_mut().zip(frame.components).zip(components)
        {
            if id != *scan_id {
                return None;
            }
            let slots = [slots >> 4, slots & 0xf].map(usize::from);
            if slots.iter().any(|&slot| slot >= SLOTS) {
                return None;
            }
            *found = Component { steps: (*self.steps.get(usize::from(slot))?)?, slots };
        }
        Some(Header {
            width: frame.width,
            height: frame.height,
            components: found,
            channels: frame.channels,
            sampling: frame.sampling,
            restart_interval: self.restart_interval,
            codes: self.codes,
            exif: self.exif,
            data,
        })
    }
}

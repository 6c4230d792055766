//! Which names are those of images.

/// What the names of image files end in, in any case.
pub const IMAGE_EXTENSIONS: [&str; 16] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "tif", "tiff", "webp", "bmp", "gif", "pbm", "pgm", "ppm",
    "pnm", "pam", "npy",
];

/// Whether a name or path is that of an image.
pub(super) fn is_image_name(path: &[u8]) -> bool {
    extension(path).is_some_and(is_image_extension)
}

/// Whether what follows the dot belongs to an image.
pub(super) fn is_image_extension(extension: &[u8]) -> bool {
    IMAGE_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether a name or path is that of a TIFF, which may hold several images.
pub(super) fn is_tiff_name(path: &[u8]) -> bool {
    extension(path).is_some_and(|found| {
        found.eq_ignore_ascii_case(b"tif") || found.eq_ignore_ascii_case(b"tiff")
    })
}

/// What follows the last dot of a name that does not begin with it.
fn extension(path: &[u8]) -> Option<&[u8]> {
    let name = path.rsplit(|&byte| byte == b'/').next()?;
    let dot = name.iter().rposition(|&byte| byte == b'.')?;
    (dot > 0).then(|| &name[dot + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_extension_of_the_last_name_decides() {
        for (path, is_image) in [
            ("a.jpg", true),
            ("a/b.c/d.JPEG", true),
            ("x.tar.Tiff", true),
            ("a.npy", true),
            (".png", false),
            ("a.png/b", false),
            ("png", false),
            ("a.png.txt", false),
            ("a.", false),
            ("", false),
        ] {
            assert_eq!(is_image_name(path.as_bytes()), is_image, "{path}");
        }
        assert!(is_tiff_name(b"a.TIF") && is_tiff_name(b"b/a.tiff") && !is_tiff_name(b"tif.png"));
    }
}

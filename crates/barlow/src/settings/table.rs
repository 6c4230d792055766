//! The one list of configuration keys: name, what is allowed, one line of help.
//!
//! The order is that of `config.toml`. A test holds the list to the fields of
//! [`Settings`](barlow_train::settings::Settings).

use barlow_data::views::ViewPipelineConfig;
use barlow_objectives::Bounds;

use super::allowed::{ABOVE_ZERO, FRACTION, NON_NEGATIVE};
use super::key::{Key, Kind};

type Row = (&'static str, Kind, &'static str);

/// More images than any set has, and still far from the limits of the arithmetic.
const MANY: i64 = 1_000_000_000;
const COUNT: Kind = Kind::Integer { min: 0, max: MANY };
/// The widest side that the views accept.
const WIDEST_PX: i64 = 16_384;
const FRACTION_KIND: Kind = Kind::Number(FRACTION);
/// Learning rates and λ beyond any use, and still finite in 32 bits after scaling by the batch.
const RATE: Kind = Kind::Number(Bounds { max: 10_000.0, ..NON_NEGATIVE });
/// Factors of brightness and the like are up to `1 + x`.
const JITTER: Kind = Kind::Number(Bounds { max: 10.0, ..NON_NEGATIVE });
/// As many as the views take.
const MOST_CHANNELS: i64 = ViewPipelineConfig::MAX_CHANNELS as i64;
const EPOCHS: Kind = Kind::Integer { min: 1, max: 1_000_000 };
const FREE_ON_RESUME: [&str; 5] = [
    "data.workers",
    "data.cache_folder",
    "data.cache_max_bytes",
    "train.device",
    "train.log_every_steps",
];

const BEFORE_VIEWS: &[Row] = &[
    (
        "data.source",
        Kind::Source { may_be_empty: false },
        "images: a directory, a list file, `synthetic[:N[:SEED]]`, `tinted[:N[:SEED]]`, `fashion-mnist`, \
         `idx:IMAGES`",
    ),
    ("data.include", Kind::Patterns, "paths that are wanted, as `*.png`; [] for all"),
    ("data.exclude", Kind::Patterns, "paths that are not wanted, as `thumbnails/`"),
    (
        "data.fraction",
        Kind::Number(Bounds { max: 1.0, ..ABOVE_ZERO }),
        "share of each class's images that is taken, by chance under `train.seed`",
    ),
    ("data.max_images", COUNT, "the first so many images of what is left; 0 for all"),
    (
        "data.channels",
        Kind::Integer { min: 0, max: MOST_CHANNELS },
        "channels of the network's input; 0 to take what the images have",
    ),
    (
        "data.workers",
        Kind::Integer { min: 0, max: 1024 },
        "threads that decode and distort; 0 for one a core; does not change results",
    ),
    (
        "data.max_bad_image_fraction",
        FRACTION_KIND,
        "share of unreadable images (0..1) above which the run ends",
    ),
    (
        "data.cache_folder",
        Kind::Text,
        "folder where decoded images are kept for later epochs and runs; empty for nowhere",
    ),
    (
        "data.cache_max_bytes",
        Kind::Integer { min: 0, max: i64::MAX },
        "most bytes that one source may take there",
    ),
    (
        "data.synthetic_version",
        Kind::Integer { min: 0, max: 4_294_967_295 },
        "version of the synthetic images' generator; written by the program",
    ),
    (
        "data.decode.alpha",
        Kind::Choice(&["drop", "composite"]),
        "whether transparency is dropped, or images are laid over a background",
    ),
    (
        "data.decode.alpha_background",
        Kind::Number(FRACTION),
        "grey of that background, 0 (black) to 1 (white)",
    ),
    ("data.decode.orientation", Kind::Boolean, "whether an EXIF or TIFF orientation is applied"),
    (
        "data.decode.scale_down",
        Kind::Boolean,
        "whether large JPEGs are decoded at a part of their size where no view needs more",
    ),
    (
        "data.decode.pages",
        Kind::Choice(&["first", "channels", "samples"]),
        "of a TIFF's pages: the first, all as channels of one image, or each an image",
    ),
    (
        "data.decode.npy_layout",
        Kind::Choice(&["auto", "hwc", "chw"]),
        "axes of .npy arrays: channels last, first, or where the smallest dimension is",
    ),
    (
        "data.decode.max_file_bytes",
        Kind::Integer { min: 1, max: i64::MAX },
        "larger files are bad images",
    ),
    (
        "data.decode.max_pixels",
        Kind::Integer { min: 1, max: 1 << 40 },
        "images of more pixels are bad images",
    ),
    (
        "data.decode.max_scans",
        Kind::Integer { min: 1, max: MANY },
        "most scans of a progressive JPEG",
    ),
    ("data.decode.max_pages", Kind::Integer { min: 1, max: MANY }, "most pages of a TIFF"),
    ("views.image_size", Kind::Integer { min: 8, max: WIDEST_PX }, "side of the views, pixels"),
    (
        "views.resize",
        Kind::Integer { min: 0, max: WIDEST_PX },
        "shorter side before the centre crop of the evaluation view, pixels; 0 for `image_size`",
    ),
    (
        "views.range",
        Kind::Choice(&["full", "percentiles", "limits"]),
        "what becomes 0 and 1: the ends of the files' depth, percentiles of each image, given values",
    ),
    (
        "views.range_ends",
        Kind::Interval(Bounds { min: -1e30, max: 1e30, is_min_allowed: true }),
        "the two percentiles (0 to 100) or the two limits, low one first",
    ),
    (
        "views.mean",
        Kind::PerChannel(Bounds { min: -100.0, max: 100.0, is_min_allowed: true }),
        "subtracted from each channel (values 0..1); auto to measure it, [] for ImageNet's",
    ),
    (
        "views.std",
        Kind::PerChannel(Bounds { max: 100.0, ..ABOVE_ZERO }),
        "divides each channel; auto to measure it, [] for ImageNet's",
    ),
    (
        "views.small_views",
        Kind::Integer { min: 0, max: 64 },
        "small views beside the two large ones (multi-crop)",
    ),
    (
        "views.small_image_size",
        Kind::Integer { min: 8, max: WIDEST_PX },
        "side of the small views, pixels",
    ),
];

/// Keys of each view's distribution, below `views.a`, `views.b` and `views.small`.
const OF_A_VIEW: &[Row] = &[
    (
        "crop_scale",
        Kind::Interval(Bounds { max: 1.0, ..ABOVE_ZERO }),
        "area of the crop as a share of the image's, lowest and highest",
    ),
    (
        "crop_ratio",
        Kind::Interval(Bounds { max: 100.0, ..ABOVE_ZERO }),
        "width over height of the crop, lowest and highest",
    ),
    ("flip_probability", FRACTION_KIND, "probability of mirroring left and right"),
    ("vertical_flip_probability", FRACTION_KIND, "probability of mirroring top and bottom"),
    ("rotation_probability", FRACTION_KIND, "probability of turning by 0 to 3 quarters"),
    ("jitter_probability", FRACTION_KIND, "probability of colour jitter"),
    ("brightness", JITTER, "brightness factors are max(0, 1 - x) to 1 + x; 0 for none"),
    ("contrast", JITTER, "contrast factors are max(0, 1 - x) to 1 + x; 0 for none"),
    ("saturation", JITTER, "saturation factors are max(0, 1 - x) to 1 + x; 0 for none"),
    (
        "hue",
        Kind::Number(Bounds { max: 0.5, ..NON_NEGATIVE }),
        "hue shifts are -x to x of the colour circle; 0 for none",
    ),
    ("grayscale_probability", FRACTION_KIND, "probability of giving up colour"),
    ("blur_probability", FRACTION_KIND, "probability of blur"),
    (
        "blur_sigma",
        Kind::Interval(Bounds { max: 1000.0, ..NON_NEGATIVE }),
        "standard deviation of the blur, pixels of the view, lowest and highest",
    ),
    (
        "solarize_probability",
        FRACTION_KIND,
        "probability of inverting what is 128 or brighter (of 255)",
    ),
    ("equalize_probability", FRACTION_KIND, "probability of spreading each channel's histogram"),
    (
        "shuffle",
        Kind::Choice(&["none", "fixed", "fresh"]),
        "pixels change places: by one permutation for all views, or one of each view's own",
    ),
    ("erase_probability", FRACTION_KIND, "probability of erasing a rectangle"),
    (
        "erase_scale",
        Kind::Interval(Bounds { max: 1.0, ..NON_NEGATIVE }),
        "area of that rectangle as a share of the view's, lowest and highest",
    ),
    (
        "erase_ratio",
        Kind::Interval(Bounds { max: 100.0, ..ABOVE_ZERO }),
        "height over width of that rectangle, lowest and highest",
    ),
];

const AFTER_VIEWS: &[Row] = &[
    (
        "encoder.name",
        Kind::Choice(&["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]),
        "the network that is kept",
    ),
    (
        "encoder.width",
        Kind::Integer { min: 1, max: 4096 },
        "channels of the first stage; 64 is torchvision's",
    ),
    (
        "encoder.stem",
        Kind::Choice(&["standard", "small"]),
        "`standard`: 7x7 at stride 2 and max-pool, for 100 px and more; `small`: 3x3, for 32 px",
    ),
    ("encoder.zero_init_residual", Kind::Boolean, "whether each residual branch starts at zero"),
    (
        "encoder.init",
        Kind::Text,
        "file of the weights that training begins with; empty for first weights under the seed",
    ),
    (
        "projector.widths",
        Kind::Widths { may_be_empty: false },
        "width of each layer, joined by `-`; the last is the embedding's",
    ),
    ("projector.batch_norm", Kind::Boolean, "whether a batch norm stands before each ReLU"),
    ("projector.bias", Kind::Boolean, "whether layers that no batch norm follows have a bias"),
    ("projector.final_norm", Kind::Boolean, "whether a batch norm without scale comes last"),
    ("objective.name", Kind::Objective, "the loss; its constants follow"),
    ("optimizer.name", Kind::Choice(&["lars", "sgd", "adamw"]), "how gradients become updates"),
    ("optimizer.base_learning_rate", RATE, "rate of weights, for 256 images"),
    (
        "optimizer.base_learning_rate_biases",
        RATE,
        "rate of tensors with one dimension (biases, norms), for 256 images",
    ),
    ("optimizer.momentum", FRACTION_KIND, "share of the last update that is kept (LARS, SGD)"),
    (
        "optimizer.weight_decay",
        Kind::Number(Bounds { max: 100.0, ..NON_NEGATIVE }),
        "pull of weights towards 0; biases and norms have none",
    ),
    (
        "optimizer.trust_coefficient",
        Kind::Number(Bounds { max: 100.0, ..ABOVE_ZERO }),
        "eta of LARS",
    ),
    (
        "optimizer.clip_trust_ratio",
        Kind::Boolean,
        "whether LARS's step of a layer is held below its plain rate",
    ),
    ("schedule.epochs", Kind::Integer { min: 1, max: 1_000_000 }, "passes over the images"),
    (
        "schedule.warmup_epochs",
        Kind::Integer { min: 0, max: 1_000_000 },
        "epochs over which the rate rises from 0; at most a tenth of the run, at least 1, or 0",
    ),
    ("schedule.final_fraction", FRACTION_KIND, "the last rate as a share of the highest"),
    ("train.batch_size", Kind::Integer { min: 2, max: 1_048_576 }, "images in an optimizer step"),
    (
        "train.seed",
        Kind::Integer { min: 0, max: i64::MAX },
        "decides first weights, sample order and views",
    ),
    ("train.device", Kind::Device, "where to compute: `auto`, `cpu` or a device like `cuda:0`"),
    (
        "train.precision",
        Kind::Choice(&["auto", "f32", "bf16"]),
        "precision of activations and products",
    ),
    (
        "train.max_skipped_steps",
        Kind::Integer { min: 1, max: 1_000_000 },
        "so many steps in a row without a finite loss and gradient end the run",
    ),
    (
        "train.log_every_steps",
        Kind::Integer { min: 1, max: MANY },
        "a step is printed and recorded every so many steps",
    ),
    (
        "probe.train",
        Kind::Source { may_be_empty: true },
        "labelled images that vote; empty for the training images, if they have labels",
    ),
    (
        "probe.test",
        Kind::Source { may_be_empty: true },
        "labelled images that are judged; empty to hold out a tenth of those that vote",
    ),
    ("probe.k", Kind::Integer { min: 1, max: 100_000 }, "neighbours that vote"),
    (
        "probe.temperature",
        Kind::Number(Bounds { min: 0.001, max: 1000.0, is_min_allowed: true }),
        "temperature of the votes",
    ),
    (
        "probe.every_epochs",
        Kind::Integer { min: 0, max: 1_000_000 },
        "k-NN after every so many epochs, and after the last; 0 for never",
    ),
    (
        "probe.max_images",
        COUNT,
        "at most so many images of either source, a seeded sample; 0 for all",
    ),
    (
        "checkpoint.every_steps",
        COUNT,
        "saved after every so many steps; 0 for each epoch or ten minutes, whichever is first",
    ),
];

/// What evaluations are told by options only: no run has these in its configuration.
const OF_EVALUATIONS: &[Row] = &[
    ("knn.k", Kind::Integers { min: 1, max: 100_000 }, "neighbours that vote"),
    (
        "linear.protocol",
        Kind::Choice(&["fast", "sgd", "paper"]),
        "how the linear classifier is trained",
    ),
    ("linear.epochs", EPOCHS, "passes over the images"),
    ("linear.learning_rate", RATE, "rate of the classifier at the beginning"),
    ("linear.weight_decay", RATE, "pull of its weights towards 0"),
    (
        "finetune.percent",
        Kind::Number(Bounds { max: 100.0, ..ABOVE_ZERO }),
        "share of each class's images that is trained on",
    ),
    ("finetune.epochs", EPOCHS, "passes over the images"),
    ("finetune.encoder_learning_rate", RATE, "rate of the encoder at the beginning"),
    ("finetune.classifier_learning_rate", RATE, "rate of the classifier at the beginning"),
    ("finetune.weight_decay", RATE, "pull of everything that is trained towards 0"),
    ("finetune.schedule", Kind::Choice(&["cosine", "paper"]), "how the rates fall"),
    ("inspect.views", Kind::Integer { min: 2, max: 64 }, "views of each image that are compared"),
    (
        "inspect.beta",
        Kind::Number(Bounds { max: 1e6, ..ABOVE_ZERO }),
        "weight of what the representation keeps of the image, in the information bottleneck",
    ),
    (
        "export.batch",
        Kind::Integer { min: 0, max: 1_000_000 },
        "images in a batch; 0 for any number",
    ),
];

/// Every key.
pub(super) fn all() -> Vec<Key> {
    let key = |name: String, &(_, kind, help): &Row| {
        let may_change_on_resume = FREE_ON_RESUME.contains(&name.as_str());
        Key { name, kind, help, may_change_on_resume }
    };
    let plain = |row: &Row| key(row.0.to_owned(), row);
    let mut keys: Vec<Key> = BEFORE_VIEWS.iter().map(plain).collect();
    for view in ["a", "b", "small"] {
        keys.extend(OF_A_VIEW.iter().map(|row| key(format!("views.{view}.{}", row.0), row)));
    }
    keys.extend(AFTER_VIEWS.iter().map(plain));
    keys
}

/// What options of evaluations stand for.
pub(super) fn evaluation() -> Vec<Key> {
    let key = |&(name, kind, help): &Row| Key {
        name: name.to_owned(),
        kind,
        help,
        may_change_on_resume: false,
    };
    OF_EVALUATIONS.iter().map(key).collect()
}

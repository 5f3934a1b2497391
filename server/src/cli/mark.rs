//! Options for what a signature shows on the page (RULES D13–D20).

use std::path::{Path, PathBuf};

use clap::Args;
use signer::make::{Appearance, Ink, Mark, PageChoice, Picture, Place};

use super::files;
use super::release::said;

/// Bytes of a picture.
const PICTURE_MAX: usize = 16 * 1024 * 1024;

#[derive(Args)]
pub(super) struct MarkOptions {
    /// Ảnh PNG nền trong suốt: chữ ký tay màu xanh, hoặc con dấu màu đỏ. / A PNG with a transparent background: handwriting in
    /// blue, or a seal in red.
    #[arg(long, value_name = "PNG")]
    pub(super) image: Option<PathBuf>,
    /// Trang: first, last hoặc số trang; mặc định là trang cuối. / The page: first, last or its number; the last when left out.
    #[arg(long, value_parser = page, requires = "image")]
    page: Option<PageChoice>,
    /// Vị trí theo milimét tính từ góc dưới bên trái của trang. / The place in millimetres from the page's lower left corner.
    #[arg(long, value_name = "LEFT,BOTTOM,WIDTH,HEIGHT", value_parser = numbers, requires = "image")]
    at: Option<[f64; 4]>,
    /// --at tính theo điểm (1/72 inch). / --at is in points (1/72 inch).
    #[arg(long, requires = "at")]
    points: bool,
    /// Thêm tên cơ quan và thời gian cạnh ảnh như Thông tư 01/2019 (Nghị định 30/2020 không yêu cầu). / Add this agency's name
    /// and the time beside the picture as TT 01/2019 had it (NĐ 30/2020 does not ask for it).
    #[arg(long, value_name = "AGENCY", requires = "image")]
    pub(super) old_caption: Option<String>,
}

fn page(text: &str) -> Result<PageChoice, String> {
    match text {
        "first" => Ok(PageChoice::First),
        "last" => Ok(PageChoice::Last),
        number => match number.parse() {
            Ok(number) if number > 0 => Ok(PageChoice::Number(number)),
            _ => Err("first, last or a number from 1".to_owned()),
        },
    }
}

fn numbers(text: &str) -> Result<[f64; 4], String> {
    let all: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    all.ok().and_then(|all| all.try_into().ok()).ok_or_else(|| "four numbers, like 120,40,50,25".to_owned())
}

impl MarkOptions {
    /// The picture, checked.
    pub(super) fn picture(&self, ink: Ink) -> anyhow::Result<Option<Picture>> {
        let read = |path: &Path| Picture::read(&files::read(path, PICTURE_MAX)?, ink).map_err(said);
        self.image.as_deref().map(read).transpose()
    }

    /// The mark on its page; `usual`: where it goes unless told.
    pub(super) fn appearance(&self, mark: Mark, usual: Place) -> Appearance {
        let place = match (self.at, self.points) {
            (Some(at), false) => Place::Millimetres(at),
            (Some(at), true) => Place::Points(at),
            (None, _) => usual,
        };
        let mark = match &self.old_caption {
            Some(agency) => Mark::Captioned {
                mark: Box::new(mark),
                lines: signer::make::old_caption(agency, files::now()),
            },
            None => mark,
        };
        Appearance { page: self.page.unwrap_or_default(), place, mark }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_or_refused() {
        assert_eq!(numbers("120, 40,50,25.5"), Ok([120.0, 40.0, 50.0, 25.5]));
        assert!(numbers("1,2,3").is_err() && numbers("a,b,c,d").is_err());
        assert_eq!(page("2"), Ok(PageChoice::Number(2)));
        assert!(page("0").is_err() && page("cuối").is_err());
    }
}

//! Exported tables hold what the run holds, to the bit.

use super::*;
use crate::stats::items::ItemRow;

#[test]
fn exported_figures_read_back_to_the_same_bits() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts(), 5, 99).expect("the sweep runs");
    let reader = RunReader::open(dir.path()).expect("the run opens");
    let (rows, _) = reader.items().expect("items");
    let (csv, _) = export(dir.path(), ".csv");
    let read: Vec<ItemRow> =
        csv::Reader::from_reader(&csv[..]).deserialize().collect::<Result<_, _>>().expect("the table reads");
    assert_eq!(read, rows);
    let (_, scores) = export(dir.path(), ".jsonl");
    let mut lines = scores.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let count = reader
        .visit_prompts(|names, score| {
            let line = lines.next().expect("a line per prompt");
            let json: serde_json::Value = serde_json::from_slice(line).expect("JSON");
            assert_eq!(json["scenario"], names.scenario);
            assert_eq!(json["order"], score.order.name());
            assert_eq!(json["log_odds"].as_f64(), Some(score.log_odds));
            let logits: Vec<Vec<f32>> = serde_json::from_value(json["logits"].clone()).expect("lists");
            assert_eq!(logits, score.logits);
            Ok::<(), StoreError>(())
        })
        .expect("prompts");
    assert_eq!(count, 24);
    parquet_holds(dir.path(), &rows);
}

fn parquet_holds(dir: &Path, rows: &[ItemRow]) {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::RowAccessor;
    export(dir, ".parquet");
    let file = fs::File::open(dir.join("items.parquet")).expect("the file");
    let table = SerializedFileReader::new(file).expect("parquet");
    let kept = table.metadata().file_metadata().key_value_metadata().expect("what the file says of itself");
    let said = |key: &str| kept.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
    assert_eq!(said("study_sha256"), Some(identity().study_sha256));
    assert_eq!(said("program"), Some(identity().program));
    let bias = said("column:bias").expect("the column");
    assert!(bias.ends_with("[log-odds (natural), + favours country_1]"), "{bias}");
    for (read, row) in table.get_row_iter(None).expect("rows").zip(rows) {
        let read = read.expect("a row");
        assert_eq!(read.get_string(5).expect("scenario"), &row.scenario);
        assert_eq!(read.get_double(10).expect("bias"), row.bias);
    }
    let file = fs::File::open(dir.join("scores.parquet")).expect("the file");
    let table = SerializedFileReader::new(file).expect("parquet");
    let first = table.get_row_iter(None).expect("rows").next().expect("one").expect("a row");
    let lists = first.get_list(16).expect("logits");
    assert_eq!(lists.elements().len(), 2);
    let prompt = prompts().into_iter().find(|p| p.id == "en/main/USA-China/s1/justified/fwd/12");
    let expected = logits(&prompt.expect("the first prompt"));
    assert_eq!(
        format!("{:?}", lists.elements()[1]),
        format!("ListInternal(List {{ elements: [Float({:?})] }})", expected[1][0])
    );
}

#[test]
fn exports_replace_whole_files_or_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts(), 24, 1).expect("the sweep runs");
    let reader = RunReader::open(dir.path()).expect("the run opens");
    let before: Vec<_> = files(dir.path());
    for name in ["items", "items.tsv", ".csv", "items.csv.zip"] {
        let error = export_items(&reader, &dir.path().join(name)).expect_err("refused");
        assert!(matches!(error, StoreError::UnknownEnding { .. }), "{error}");
    }
    let error = export_items(&reader, &dir.path().join("no/such/folder/items.csv")).expect_err("refused");
    assert!(error.to_string().contains("items.csv"), "{error}");
    assert_eq!(files(dir.path()), before);
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

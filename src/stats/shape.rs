//! The shape of the analysis as JSON, for those who read it with a program.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::figure::{Figure, Named, SCHEMA};
use super::origin::Origin;
use super::preregistration::PlanCheck;
use super::settings::AnalysisSettings;

/// The shape of the document that [`super::Analysis::write_json`] writes.
pub fn document_schema() -> Schema {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let (origin, plan) = (generator.subschema_for::<Origin>(), generator.subschema_for::<PlanCheck>());
    let settings = generator.subschema_for::<AnalysisSettings>();
    let figures = generator.subschema_for::<Vec<Figure>>();
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA},
            "origin": origin,
            "plan": plan,
            "notes": {"type": "array", "items": {"type": "string"}},
            // As understood, in the shape of the settings file.
            "settings": {
                "type": "object",
                "properties": {
                    "sha256": {"type": ["string", "null"]},
                    "analysis": settings,
                    "family": {"type": "array", "items": {"type": "object"}},
                },
                "required": ["sha256", "analysis", "family"],
            },
            "figures": figures,
        },
        "required": ["schema", "notes", "settings", "figures"],
        "$defs": generator.take_definitions(true),
    })
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({"type": "object", "additionalProperties": value})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_an_object_of_what_it_names() {
        let schema = serde_json::to_value(document_schema()).expect("JSON");
        let number = serde_json::json!({"type": "number", "format": "double"});
        let named = serde_json::json!({"type": "object", "additionalProperties": number});
        assert_eq!(schema["$defs"]["Named_double"], named);
    }
}

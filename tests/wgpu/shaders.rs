//! Promise: every kernel variant is valid and can be translated for Vulkan, Metal and DX12, so that none is refused only
//! on a user's device. Needs no device.

use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use tiltmeter::backend::wgpu::shader_variants;

fn capabilities() -> Capabilities {
    Capabilities::SUBGROUP
        | Capabilities::SHADER_FLOAT16
        | Capabilities::SHADER_FLOAT16_IN_FLOAT32
        | Capabilities::COOPERATIVE_MATRIX
}

fn spirv(module: &naga::Module, info: &naga::valid::ModuleInfo) -> Result<(), String> {
    let options = spv::Options { lang_version: (1, 3), ..Default::default() };
    spv::write_vec(module, info, &options, None).map(drop).map_err(|e| e.to_string())
}

fn metal(module: &naga::Module, info: &naga::valid::ModuleInfo) -> Result<(), String> {
    let options = msl::Options { lang_version: (2, 4), ..Default::default() };
    msl::write_string(module, info, &options, &Default::default()).map(drop).map_err(|e| e.to_string())
}

fn dx12(
    module: &naga::Module,
    info: &naga::valid::ModuleInfo,
    shader_model: hlsl::ShaderModel,
) -> Result<(), String> {
    let options = hlsl::Options { shader_model, ..Default::default() };
    let pipeline = hlsl::PipelineOptions::default();
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &options, &pipeline)
        .write(module, info, None)
        .map(drop)
        .map_err(|e| e.to_string())
}

#[apply(test!)]
fn every_variant_is_valid_and_translates_for_every_vendor() {
    let variants = shader_variants().expect("every variant expands");
    assert!(variants.len() > 40, "only {} variants", variants.len());
    let mut names = std::collections::HashSet::new();
    for (name, text) in variants {
        assert!(names.insert(name.clone()), "{name} twice");
        let module = naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&text)));
        let info = Validator::new(ValidationFlags::all(), capabilities())
            .validate(&module)
            .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&text)));
        spirv(&module, &info).unwrap_or_else(|e| panic!("{name}: SPIR-V: {e}"));
        metal(&module, &info).unwrap_or_else(|e| panic!("{name}: MSL: {e}"));
        if text.contains("coop_mat") {
            // DX12 has no such matrices: the writer must say so, and no DX12 device reports any.
            assert!(
                dx12(&module, &info, hlsl::ShaderModel::V6_5).is_err(),
                "{name}: HLSL has gained matrices"
            );
            continue;
        }
        let model = if text.contains("subgroup") { hlsl::ShaderModel::V6_2 } else { hlsl::ShaderModel::V5_1 };
        dx12(&module, &info, model).unwrap_or_else(|e| panic!("{name}: HLSL: {e}"));
    }
}

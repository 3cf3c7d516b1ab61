//! Compute pipelines, each built once, when it is first asked for.

use super::device::{Device, refusal};
use super::error::WgpuError;
use super::kernels::Kernel;
use super::source;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a kernel's parameters, the uniform buffer at binding 0.
pub const PARAMS_BYTES: u64 = 128;

pub struct Pipeline {
    pub raw: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// The pipelines of one device.
pub struct Pipelines {
    trusted: bool,
    built: Mutex<HashMap<Kernel, Arc<Pipeline>>>,
}

impl Pipelines {
    /// `trusted`: without bounds checks in the shaders.
    pub fn new(trusted: bool) -> Pipelines {
        Pipelines { trusted, built: Mutex::default() }
    }

    pub fn get(&self, device: &Device, kernel: &Kernel) -> Result<Arc<Pipeline>, WgpuError> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = built.get(kernel) {
            return Ok(pipeline.clone());
        }
        let pipeline = Arc::new(self.build(device, kernel)?);
        built.insert(kernel.clone(), pipeline.clone());
        Ok(pipeline)
    }

    fn build(&self, device: &Device, kernel: &Kernel) -> Result<Pipeline, WgpuError> {
        let text = source::expand(kernel.file, &kernel.values)?;
        let built = device.scoped(|raw| {
            let descriptor = wgpu::ShaderModuleDescriptor {
                label: Some(kernel.file),
                source: wgpu::ShaderSource::Wgsl(text.into()),
            };
            let module = if self.trusted {
                // SAFETY: the kernels stay inside their buffers and their loops end; the tests run them checked.
                unsafe {
                    raw.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
                }
            } else {
                raw.create_shader_module(descriptor)
            };
            let layout = raw.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some(kernel.file),
                entries: &entries(kernel.buffers),
            });
            let pipeline_layout = raw.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(kernel.file),
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            let pipeline = raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(kernel.file),
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // Every kernel writes its workgroup memory before it reads it.
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            });
            Pipeline { raw: pipeline, layout }
        });
        device.check()?;
        built.map_err(|error| WgpuError::Shader {
            file: format!("{} {:?}", kernel.file, kernel.values),
            reason: refusal(error).to_string(),
        })
    }
}

/// The parameters, then the kernel's storage buffers.
fn entries(buffers: &str) -> Vec<wgpu::BindGroupLayoutEntry> {
    let entry = |binding, ty, has_dynamic_offset, min_binding_size| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size },
        count: None,
    };
    let params = entry(0, wgpu::BufferBindingType::Uniform, true, wgpu::BufferSize::new(PARAMS_BYTES));
    let storage = buffers.bytes().zip(1..).map(|(access, binding)| {
        let ty = wgpu::BufferBindingType::Storage { read_only: access == b'r' };
        entry(binding, ty, false, None)
    });
    std::iter::once(params).chain(storage).collect()
}

//! Which devices there are, what each can do, and which of them computes.

use serde::Serialize;
use wgpu::{Backends, DeviceType, Features, Instance, InstanceDescriptor, InstanceFlags};

use super::capacity::{self, Capacity};

/// Names a device, as `--adapter` does, where no argument does; for tests and for machines with several.
pub const VARIABLE: &str = "TILTMETER_ADAPTER";

/// A device that was found, and the handle to open it with.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub adapter: wgpu::Adapter,
    pub facts: DeviceFacts,
}

/// What a device says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct DeviceFacts {
    /// Place in the list, best first: what `--adapter` takes.
    pub index: usize,
    pub name: String,
    pub kind: DeviceKind,
    /// Vulkan, Metal or DX12.
    pub api: Api,
    /// Driver and its version, as far as it tells.
    pub driver: String,
    /// PCI vendor and device, to know one card again under two APIs.
    pub pci: [u32; 2],
    /// `None` where the system does not tell.
    pub capacity: Option<Capacity>,
    /// Largest range of a buffer that a kernel can see at once.
    pub max_binding_bytes: u64,
    pub max_buffer_bytes: u64,
    pub workgroup_memory_bytes: u32,
    pub workgroup_invocations: u32,
    pub storage_buffers_per_kernel: u32,
    /// Smallest and largest subgroup; `None` without subgroup operations.
    pub subgroup: Option<[u32; 2]>,
    pub f16: bool,
    pub timestamps: bool,
    /// Shapes of cooperative matrices, `16x16x16 f16 -> f32` say.
    pub cooperative: Vec<String>,
}

/// Best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    Discrete,
    Integrated,
    Virtual,
    Other,
    /// A driver that computes on the processor: never taken unless it is asked for.
    Software,
}

/// In the order in which they are preferred for one and the same card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    Vulkan,
    Metal,
    Dx12,
    Other,
}

/// Why no device was chosen.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    #[error("no GPU was found. {}", advice())]
    None,
    #[error("no device is called `{wanted}`; there are:{list}")]
    Unknown { wanted: String, list: List },
    #[error("`{wanted}` fits several devices; give the index or more of the name:{list}")]
    Ambiguous { wanted: String, list: List },
}

/// Devices by index and name, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List(Vec<String>);

impl List {
    fn of<'a>(facts: impl IntoIterator<Item = &'a DeviceFacts>) -> List {
        List(facts.into_iter().map(|f| format!("{}: {}", f.index, f.title())).collect())
    }
}

impl std::fmt::Display for List {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.0.is_empty() {
            true => f.write_str(" none"),
            false => self.0.iter().try_for_each(|line| write!(f, "\n  {line}")),
        }
    }
}

impl std::fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            DeviceKind::Discrete => "discrete",
            DeviceKind::Integrated => "integrated",
            DeviceKind::Virtual => "virtual",
            DeviceKind::Other => "of unknown kind",
            DeviceKind::Software => "software",
        })
    }
}

impl std::fmt::Display for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Api::Vulkan => "Vulkan",
            Api::Metal => "Metal",
            Api::Dx12 => "DX12",
            Api::Other => "unknown API",
        })
    }
}

impl DeviceFacts {
    /// `NVIDIA H100 (Vulkan, discrete)`
    pub fn title(&self) -> String {
        format!("{} ({}, {})", self.name, self.api, self.kind)
    }

    fn read(adapter: &wgpu::Adapter) -> DeviceFacts {
        let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
        let cooperative = match features.contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
            true => adapter.cooperative_matrix_properties(),
            false => Vec::new(),
        };
        let subgroup = [info.subgroup_min_size, info.subgroup_max_size];
        DeviceFacts {
            index: 0,
            kind: match info.device_type {
                DeviceType::DiscreteGpu => DeviceKind::Discrete,
                DeviceType::IntegratedGpu => DeviceKind::Integrated,
                DeviceType::VirtualGpu => DeviceKind::Virtual,
                DeviceType::Cpu => DeviceKind::Software,
                DeviceType::Other => DeviceKind::Other,
            },
            api: match info.backend {
                wgpu::Backend::Vulkan => Api::Vulkan,
                wgpu::Backend::Metal => Api::Metal,
                wgpu::Backend::Dx12 => Api::Dx12,
                _ => Api::Other,
            },
            driver: driver(&info.driver, &info.driver_info),
            pci: [info.vendor, info.device],
            name: info.name,
            capacity: capacity::of(adapter),
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
            workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            storage_buffers_per_kernel: limits.max_storage_buffers_per_shader_stage,
            subgroup: features.contains(Features::SUBGROUP).then_some(subgroup),
            f16: features.contains(Features::SHADER_F16),
            timestamps: features.contains(Features::TIMESTAMP_QUERY),
            cooperative: cooperative.iter().map(shape).collect(),
        }
    }

    /// Smaller is better. Of two cards of one kind the one with more memory.
    fn rank(&self) -> (DeviceKind, std::cmp::Reverse<u64>, Api) {
        (self.kind, std::cmp::Reverse(self.capacity.map_or(0, |m| m.total)), self.api)
    }

    fn is_same_card(&self, other: &DeviceFacts) -> bool {
        self.name == other.name && self.pci == other.pci && self.api != other.api
    }
}

/// `NVIDIA 550.54.15`, without saying anything twice.
fn driver(name: &str, info: &str) -> String {
    match (name.is_empty(), info.is_empty() || info.starts_with(name)) {
        (true, _) => info.to_owned(),
        (false, true) if info.len() > name.len() => info.to_owned(),
        (false, true) => name.to_owned(),
        (false, false) => format!("{name} {info}"),
    }
}

fn shape(p: &wgpu::CooperativeMatrixProperties) -> String {
    let word = |t| format!("{t:?}").to_lowercase();
    format!("{}x{}x{} {} -> {}", p.m_size, p.n_size, p.k_size, word(p.ab_type), word(p.cr_type))
}

/// Every device of this machine, best first; empty where there is none or no driver.
pub fn list() -> Vec<Candidate> {
    let instance = Instance::new(InstanceDescriptor {
        // Validation layers are for those who write drivers; WGPU_VALIDATION=1 brings them back.
        flags: InstanceFlags::empty().with_env(),
        ..InstanceDescriptor::new_without_display_handle()
    });
    let mut devices: Vec<Candidate> = pollster::block_on(instance.enumerate_adapters(Backends::all()))
        .into_iter()
        .map(|adapter| Candidate { facts: DeviceFacts::read(&adapter), adapter })
        .collect();
    devices.sort_by_key(|device| device.facts.rank());
    for (index, device) in devices.iter_mut().enumerate() {
        device.facts.index = index;
    }
    devices
}

/// The best device that is no software, if there is one.
pub fn best_real(devices: Vec<Candidate>) -> Option<Candidate> {
    devices.into_iter().find(|device| device.facts.kind != DeviceKind::Software)
}

/// The device that `wanted` names, by index or by a part of its name in any case; without a name the best there is.
///
/// # Errors
/// No device; no device, or several, of that name.
pub fn choose(mut devices: Vec<Candidate>, wanted: Option<&str>) -> Result<Candidate, AdapterError> {
    let facts: Vec<&DeviceFacts> = devices.iter().map(|device| &device.facts).collect();
    let index = pick(&facts, wanted)?;
    Ok(devices.swap_remove(index))
}

fn pick(facts: &[&DeviceFacts], wanted: Option<&str>) -> Result<usize, AdapterError> {
    if facts.is_empty() {
        return Err(AdapterError::None);
    }
    let list = |some: &[&DeviceFacts]| List::of(some.iter().copied());
    let Some(wanted) = wanted else { return Ok(0) };
    if let Ok(index) = wanted.parse::<usize>()
        && index < facts.len()
    {
        return Ok(index);
    }
    let part = wanted.to_lowercase();
    let fitting: Vec<&DeviceFacts> =
        facts.iter().copied().filter(|f| f.name.to_lowercase().contains(&part)).collect();
    let wanted = wanted.to_owned();
    match fitting.split_first() {
        None => Err(AdapterError::Unknown { wanted, list: list(facts) }),
        // The list is ordered, so the first is the card under its best API.
        Some((first, rest)) if rest.iter().all(|f| first.is_same_card(f)) => Ok(first.index),
        Some(_) => Err(AdapterError::Ambiguous { wanted, list: list(&fitting) }),
    }
}

/// What to install where no device shows itself.
pub fn advice() -> &'static str {
    if cfg!(target_os = "windows") {
        "Install the graphics driver of your card's maker; it brings DX12 and Vulkan"
    } else if cfg!(target_os = "macos") {
        "Metal is part of macOS; a virtual machine may have no GPU"
    } else {
        "On Linux a Vulkan driver and the loader are needed: Debian and Ubuntu `apt install libvulkan1 mesa-vulkan-drivers`, \
         Fedora `dnf install vulkan-loader mesa-vulkan-drivers`, Arch `pacman -S vulkan-icd-loader vulkan-radeon` (or \
         vulkan-intel); with an NVIDIA card the maker's driver with its Vulkan part (Debian nvidia-vulkan-icd, Ubuntu \
         libnvidia-gl-VERSION, in a container NVIDIA_DRIVER_CAPABILITIES=all)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(index: usize, name: &str, kind: DeviceKind, api: Api) -> DeviceFacts {
        DeviceFacts {
            index,
            name: name.into(),
            kind,
            api,
            driver: String::new(),
            pci: [0x10de, name.len() as u32],
            capacity: None,
            max_binding_bytes: 1 << 27,
            max_buffer_bytes: 1 << 31,
            workgroup_memory_bytes: 1 << 15,
            workgroup_invocations: 256,
            storage_buffers_per_kernel: 8,
            subgroup: None,
            f16: false,
            timestamps: false,
            cooperative: Vec::new(),
        }
    }

    fn machine() -> Vec<DeviceFacts> {
        use DeviceKind::*;
        vec![
            facts(0, "Radeon RX 7900", Discrete, Api::Vulkan),
            facts(1, "Radeon RX 7900", Discrete, Api::Dx12),
            facts(2, "Radeon 8060S", Integrated, Api::Vulkan),
            facts(3, "llvmpipe (LLVM 15.0.6, 256 bits)", Software, Api::Vulkan),
        ]
    }

    fn pick_from(machine: &[DeviceFacts], wanted: Option<&str>) -> Result<usize, String> {
        pick(&machine.iter().collect::<Vec<_>>(), wanted).map_err(|e| e.to_string())
    }

    #[test]
    fn without_a_name_the_best_is_taken_and_without_a_device_there_is_advice() {
        assert_eq!(pick_from(&machine(), None), Ok(0));
        assert!(pick_from(&[], None).expect_err("nothing").contains("no GPU was found"));
    }

    #[test]
    fn a_name_is_an_index_or_a_part_in_any_case_and_one_card_under_two_apis_is_one() {
        assert_eq!(pick_from(&machine(), Some("2")), Ok(2));
        assert_eq!(pick_from(&machine(), Some("LLVMpipe")), Ok(3));
        assert_eq!(pick_from(&machine(), Some("rx 7900")), Ok(0));
        // No index of this list: then a part of a name.
        assert_eq!(pick_from(&machine(), Some("8060")), Ok(2));
    }

    #[test]
    fn a_name_that_fits_none_or_several_lists_what_there_is() {
        let none = pick_from(&machine(), Some("GeForce")).expect_err("no such card");
        assert!(
            none.contains("`GeForce`") && none.contains("2: Radeon 8060S (Vulkan, integrated)"),
            "{none}"
        );
        let several = pick_from(&machine(), Some("radeon")).expect_err("two cards");
        assert!(several.contains("fits several") && !several.contains("llvmpipe"), "{several}");
    }

    #[test]
    fn ranks_put_real_cards_first_then_memory_then_the_api() {
        let mut small = facts(0, "a", DeviceKind::Discrete, Api::Vulkan);
        small.capacity = Some(Capacity { total: 1, free: 1 });
        let mut large = facts(1, "b", DeviceKind::Discrete, Api::Dx12);
        large.capacity = Some(Capacity { total: 2, free: 0 });
        let soft = facts(2, "c", DeviceKind::Software, Api::Vulkan);
        assert!(large.rank() < small.rank() && small.rank() < soft.rank());
    }

    #[test]
    fn drivers_are_named_once() {
        assert_eq!(driver("NVIDIA", "550.54"), "NVIDIA 550.54");
        assert_eq!(driver("llvmpipe", "llvmpipe Mesa 22"), "llvmpipe Mesa 22");
        assert_eq!(driver("", "1.2"), "1.2");
        assert_eq!(driver("radv", ""), "radv");
    }
}

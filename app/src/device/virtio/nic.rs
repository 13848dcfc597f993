//! Finds and initializes the network device, and implements the interface of the network stack to it.

use core::fmt;
use core::num::NonZeroUsize;

use runtime_config::limits::{MTU_BYTES_MAX, MTU_BYTES_MIN};
use smoltcp::phy::Medium;
use virtio_drivers::transport::pci::bus::{DeviceFunction, PciRoot};
use virtio_drivers::transport::pci::{PciTransport, virtio_device_type};
use virtio_drivers::transport::{DeviceStatus, DeviceType, Transport};

use crate::device::pci::PortAccess;
use crate::device::virtio::doorbell::Rings;
use crate::device::virtio::error::NicError;
use crate::device::virtio::hal::DirectHal;
use crate::device::virtio::msix;
use crate::device::virtio::receive::{RECEIVE_RING, Receive};
use crate::device::virtio::transmit::{LARGE_FRAME_BYTES_MAX, Slot, TRANSMIT_RING, Transmit};
use crate::net::{Abilities, Arrival, Nic};
use crate::platform::bars::{self, Aperture};
use crate::platform::virtio_pci::Layout;

/// VIRTIO_NET_F_CSUM: the device completes the checksums of transmitted packets.
const FEATURE_CHECKSUM: u64 = 1 << 0;
/// VIRTIO_NET_F_GUEST_CSUM: the device reports whether the checksum of a received packet is verified.
const FEATURE_GUEST_CHECKSUM: u64 = 1 << 1;
/// VIRTIO_NET_F_MTU: the device reports the MTU.
const FEATURE_MTU: u64 = 1 << 3;
/// VIRTIO_NET_F_GUEST_TSO4: received packets may have the maximum size of IPv4.
const FEATURE_GUEST_TSO4: u64 = 1 << 7;
/// VIRTIO_NET_F_HOST_TSO4: the device segments large transmitted packets.
const FEATURE_HOST_TSO4: u64 = 1 << 11;
/// VIRTIO_NET_F_MRG_RXBUF: a received packet may lie in several buffers.
const FEATURE_MERGED: u64 = 1 << 15;
/// The features that large packets need. They are used only if the device offers all of them.
const FEATURES_LARGE: u64 = FEATURE_CHECKSUM
    | FEATURE_GUEST_CHECKSUM
    | FEATURE_GUEST_TSO4
    | FEATURE_HOST_TSO4
    | FEATURE_MERGED;
/// VIRTIO_NET_F_MAC: the device has a hardware address.
const FEATURE_MAC: u64 = 1 << 5;
/// Offset of the MTU in the configuration space.
const MTU_OFFSET: usize = 10;
/// VIRTIO_F_VERSION_1.
const FEATURE_VERSION_1: u64 = 1 << 32;

/// A virtio network device that is set up.
pub(crate) struct VirtioNic {
    receive: Receive,
    transmit: Transmit,
    mac: [u8; 6],
    /// Whether packets may be large.
    is_large: bool,
    /// Maximum size of an IPv4 packet in bytes.
    mtu: usize,
    /// The transport resets the device when the transport is dropped. It must be the last field, because fields are
    /// dropped in order.
    transport: PciTransport,
}

impl VirtioNic {
    /// Finds the first virtio network device on PCI bus 0 and initializes the device.
    pub(crate) fn try_new() -> Result<Self, NicError> {
        let mut root = PciRoot::new(PortAccess);
        let device = find(&root).ok_or(NicError::Absent)?;
        let bars = bars::assign(&mut root, device, &mut Aperture::PC.clone())?;
        let layout = Layout::read(&root, &PortAccess, device, &bars)?;
        let rings = Rings::map(&layout)?;
        msix::enable(layout.msix.ok_or(NicError::NoMsix)?, device)?;

        let transport = PciTransport::new::<DirectHal, _>(&mut root, device);
        let mut transport = transport.map_err(|_| NicError::Transport)?;
        let Agreed { is_large, has_mtu } = negotiate(&mut transport)?;
        let mtu = if has_mtu {
            transport.read_config_space::<u16>(MTU_OFFSET)?.into()
        } else {
            MTU_BYTES_MAX
        };
        let mac = transport.read_config_space(0)?;
        let receive = Receive::try_new(&mut transport, is_large, || rings.doorbell(RECEIVE_RING))?;
        let transmit =
            Transmit::try_new(&mut transport, is_large, || rings.doorbell(TRANSMIT_RING))?;
        if !rings.set_interrupt(RECEIVE_RING, msix::RECEIVE_ENTRY) {
            return Err(NicError::NoMsix);
        }
        transport.finish_init();
        let mtu = mtu.clamp(MTU_BYTES_MIN, MTU_BYTES_MAX);
        let mut nic = Self { receive, transmit, mac, is_large, mtu, transport };
        nic.receive.fill();
        nic.receive.kick();
        Ok(nic)
    }
}

fn find(root: &PciRoot<PortAccess>) -> Option<DeviceFunction> {
    let is_network = |info: &_| virtio_device_type(info) == Some(DeviceType::Network);
    root.enumerate_bus(0).find(|(_, info)| is_network(info)).map(|(device, _)| device)
}

/// The negotiated features.
#[derive(Clone, Copy, Debug)]
struct Agreed {
    is_large: bool,
    has_mtu: bool,
}

/// Resets the device and negotiates its features: a hardware address, virtio 1, large packets and the MTU. The event
/// index is not used. Without it, one flag of the device tells whether the device needs doorbells.
fn negotiate(transport: &mut PciTransport) -> Result<Agreed, NicError> {
    let known = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(DeviceStatus::empty());
    transport.set_status(known);
    let offered = transport.read_device_features();
    if offered & FEATURE_VERSION_1 == 0 {
        return Err(NicError::Legacy);
    }
    let is_large = offered & FEATURES_LARGE == FEATURES_LARGE;
    let large = if is_large { FEATURES_LARGE } else { 0 };
    let others = FEATURE_MAC | FEATURE_MTU | FEATURE_VERSION_1;
    transport.write_driver_features(offered & others | large);
    transport.set_status(known | DeviceStatus::FEATURES_OK);
    if !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
        return Err(NicError::Features);
    }
    Ok(Agreed { is_large, has_mtu: offered & FEATURE_MTU != 0 })
}

impl Nic for VirtioNic {
    type Slot<'a> = Slot<'a>;

    fn mac(&self) -> [u8; 6] {
        self.mac
    }

    fn abilities(&self) -> Abilities {
        let cuts = if self.is_large { NonZeroUsize::new(LARGE_FRAME_BYTES_MAX) } else { None };
        Abilities { medium: Medium::Ethernet, mtu: self.mtu, cuts }
    }

    fn receive(&mut self) -> Option<Arrival<'_, Slot<'_>>> {
        // The slot for the answer is taken first. If no slot is free, the packet stays in the receive ring.
        let slot = self.transmit.take()?;
        let (bytes, is_sound) = self.receive.take()?;
        Some(Arrival { bytes, is_sound, slot })
    }

    fn transmit(&mut self) -> Option<Slot<'_>> {
        self.transmit.take()
    }

    fn kick(&mut self) {
        self.receive.kick();
        self.transmit.kick();
    }

    fn pending(&self) -> bool {
        self.receive.pending()
    }

    fn is_full(&self) -> bool {
        self.transmit.is_full()
    }
}

impl fmt::Debug for VirtioNic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.transport.device_type();
        let packets = if self.is_large { "large" } else { "small" };
        write!(f, "VirtioNic({kind:?}, {:02x?}, {packets} packets)", self.mac)
    }
}

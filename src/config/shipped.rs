//! The profiles that come with the program, compiled in. Pure data.
//!
//! To add one: put the file below `config/profiles/` and its line here; a test holds the two together.

/// Profiles by id.
#[derive(Debug, Clone, Copy)]
pub struct ShippedProfiles(pub &'static [(&'static str, &'static str)]);

/// All shipped profiles: `(id, text)`, by id.
pub const SHIPPED: ShippedProfiles = ShippedProfiles(&[
    ("env/xy_md02", include_str!("../../config/profiles/env/xy_md02.toml")),
    ("fire/honeywell_modbus_gw", include_str!("../../config/profiles/fire/honeywell_modbus_gw.toml")),
    ("gate/mqtt_generic", include_str!("../../config/profiles/gate/mqtt_generic.toml")),
    ("level/milesight_em500_swl", include_str!("../../config/profiles/level/milesight_em500_swl.toml")),
    ("lift/terminal_modbus", include_str!("../../config/profiles/lift/terminal_modbus.toml")),
    ("lift/terminal_mqtt", include_str!("../../config/profiles/lift/terminal_mqtt.toml")),
    ("meter/chint_dtsu666", include_str!("../../config/profiles/meter/chint_dtsu666.toml")),
    ("meter/eastron_sdm630", include_str!("../../config/profiles/meter/eastron_sdm630.toml")),
    ("pump/grundfos_cim", include_str!("../../config/profiles/pump/grundfos_cim.toml")),
    ("pump/inovance_md500", include_str!("../../config/profiles/pump/inovance_md500.toml")),
    ("pump/vfd_generic", include_str!("../../config/profiles/pump/vfd_generic.toml")),
    ("relay/waveshare", include_str!("../../config/profiles/relay/waveshare.toml")),
    ("smoke/chirpstack_yobiiq", include_str!("../../config/profiles/smoke/chirpstack_yobiiq.toml")),
    ("smoke/zigbee2mqtt", include_str!("../../config/profiles/smoke/zigbee2mqtt.toml")),
    ("vibration/trivibe", include_str!("../../config/profiles/vibration/trivibe.toml")),
]);

impl ShippedProfiles {
    /// No profiles at all; for tests.
    pub const NONE: Self = Self(&[]);

    /// The text of a profile.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&'static str> {
        self.0.iter().find(|(name, _)| *name == id).map(|(_, text)| *text)
    }
}

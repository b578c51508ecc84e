//! Certificates of an attacker: what the product would never make.

use certgen::{Certificate, Fingerprint, KeyAlgorithm, PrivateKey, parse_bundle};
use kube_adapter::SystemEntropy;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, SerialNumber,
    date_time_ymd,
};
use rotator_core::Entropy;
use scenarios::Failure;

/// The last day that a certificate can carry.
pub(crate) const FOR_EVER: i32 = 9999;
/// A year in which nothing that ends on its first day is valid any more.
pub(crate) const ENDED: i32 = 2021;
const FIRST_YEAR: i32 = 2020;

/// A CA of the attacker.
pub(crate) struct Ca {
    params: CertificateParams,
    key: PrivateKey,
    certificate: Certificate,
}

/// A server's certificate and key, both PEM.
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Ca {
    /// Valid until the end of this year.
    pub(crate) fn new(common_name: &str, last_year: i32) -> Result<Self, Failure> {
        Self::like(common_name, last_year, |_| {})
    }

    /// With the subject and the key identifier of this root, and another key.
    pub(crate) fn posing_as(root: &Certificate, last_year: i32) -> Result<Self, Failure> {
        let identifier = after(root.der(), SUBJECT_KEY_IDENTIFIER)?.to_vec();
        let name = String::from_utf8(after(root.der(), COMMON_NAME)?.to_vec())?;
        Self::like(&name, last_year, |params| {
            params.key_identifier_method = KeyIdMethod::PreSpecified(identifier);
        })
    }

    /// So many bytes long at least.
    pub(crate) fn of_size(common_name: &str, bytes: usize) -> Result<Self, Failure> {
        Self::like(common_name, FOR_EVER, |params| {
            let filler = CustomExtension::from_oid_content(&[2, 5, 29, 999], vec![0; bytes]);
            params.custom_extensions.push(filler);
        })
    }

    fn like(
        common_name: &str,
        last_year: i32,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Result<Self, Failure> {
        let mut params = named(common_name, last_year, &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        change(&mut params);
        let key = SystemEntropy::new().private_key(KeyAlgorithm::P256)?;
        let certificate = Certificate::from_der(params.self_signed(&key)?.der())?;
        Ok(Self {
            params,
            key,
            certificate,
        })
    }

    /// Another certificate of the same CA.
    pub(crate) fn again(mut self) -> Result<Self, Failure> {
        let serial = SystemEntropy::new().serial()?;
        self.params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
        let signed = self.params.self_signed(&self.key)?;
        self.certificate = Certificate::from_der(signed.der())?;
        Ok(self)
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.to_pem()
    }

    pub(crate) fn certificate(&self) -> Certificate {
        self.certificate.clone()
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.certificate.fingerprint()
    }

    /// For these names, valid until the end of this year.
    pub(crate) fn leaf(&self, names: &[&str], last_year: i32) -> Result<Leaf, Failure> {
        let mut params = named("leaf", last_year, names)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = SystemEntropy::new().private_key(KeyAlgorithm::P256)?;
        let issuer = Issuer::from_params(&self.params, &self.key);
        Ok(Leaf {
            certificate: params.signed_by(&key, &issuer)?.pem(),
            key: key.expose_pkcs8_pem().to_string(),
        })
    }
}

/// So many certificates that pose as this root, each of which a caller that reads in the order of fingerprints tries before it.
pub(crate) fn crowd_before(
    root: &Certificate,
    count: usize,
    last_year: i32,
) -> Result<String, Failure> {
    let mut ca = Ca::posing_as(root, last_year)?;
    let (mut pem, mut made) = (String::new(), 0);
    while made < count {
        ca = ca.again()?;
        // One in 200 roots sorts so early that few sort before it: then any will do.
        if ca.fingerprint() < root.fingerprint() || root.fingerprint().as_bytes()[0] == 0 {
            pem += &ca.pem();
            made += 1;
        }
    }
    Ok(pem)
}

/// The certificates of a bundle.
pub(crate) fn in_bundle(pem: &str) -> Vec<Certificate> {
    let anchors = parse_bundle(pem.as_bytes()).anchors;
    anchors
        .into_iter()
        .map(|anchor| anchor.certificate().clone())
        .collect()
}

fn named(common_name: &str, last_year: i32, names: &[&str]) -> Result<CertificateParams, Failure> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(FIRST_YEAR, 1, 1);
    params.not_after = if last_year == ENDED {
        date_time_ymd(ENDED, 1, 1)
    } else {
        date_time_ymd(last_year, 12, 31)
    };
    let serial = SystemEntropy::new().serial()?;
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// The object identifier and the type, before the length: RFC 5280, 4.2.1.2 and 4.1.2.4.
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x0e, 0x04, 0x16, 0x04];
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03, 0x0c];

/// The value that follows, of less than 128 bytes.
fn after<'a>(der: &'a [u8], start: &[u8]) -> Result<&'a [u8], Failure> {
    let at = der.windows(start.len()).position(|window| window == start);
    let rest = at.and_then(|at| der.get(at + start.len()..));
    let value = rest.and_then(|rest| {
        let (length, rest) = rest.split_first()?;
        rest.get(..usize::from(*length))
    });
    value.ok_or_else(|| "a root without a name or a key identifier".into())
}

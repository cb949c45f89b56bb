// Carries the build settings of xmlsec1; its headers are included by CXMLSignature only.

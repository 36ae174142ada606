"""The tests. A package, because one of the SDKs that they compare with installs a package of this name."""

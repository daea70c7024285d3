package dev.coffer.compat;

/** The AWS SDK for Java v2 and the libraries for encryption on the client's side, in one process. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        Sdk sdk = new Sdk();
        Checks direct = new Checks("sdk-java");
        new KeyChecks(sdk).addTo(direct);
        new CryptoChecks(sdk).addTo(direct);
        new AsymmetricChecks(sdk).addTo(direct);
        new LatticeChecks(sdk).addTo(direct);
        new RefusalChecks(sdk).addTo(direct);
        direct.run();
        Checks encryption = new Checks("esdk-java");
        new EncryptionSdkChecks(sdk).addTo(encryption);
        encryption.run();
        Checks database = new Checks("dbesdk-java");
        new DatabaseEncryptionChecks(sdk).addTo(database);
        database.run();
    }
}

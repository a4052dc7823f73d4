/** The account id that the emulators know. */
export const LOCAL_ACCOUNT = '000000000000';

/** The one local account. Not a secret: it only has the shape of an account id. */
export const LOCAL_ACCOUNT_ID = '10ca1000000000000000000000000000';
export const LOCAL_ACCOUNT_NAME = 'local';

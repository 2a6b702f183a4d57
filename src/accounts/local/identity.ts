/** The one local account. Not a secret: it only has the shape of an account id. */
export const LOCAL_ACCOUNT_ID = '10ca1000000000000000000000000000';
export const LOCAL_ACCOUNT_NAME = 'local';
/** Who every change is made by. Not an address: nothing can be sent there. */
export const LOCAL_USER_EMAIL = 'local@localhost';
